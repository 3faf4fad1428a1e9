package store

import (
	"testing"

	"samband/gateway/signed"
)

func TestWake(t *testing.T) {
	s := create(t)
	heard := make(chan signed.Address, 8)
	cancel, err := s.Woken(func(desk signed.Address) { heard <- desk })
	if err != nil {
		t.Fatal(err)
	}
	for _, desk := range []signed.Address{"se.spoc", "no.liaison-ankara", "interpol.nbc-duty-2"} {
		if err := s.Wake(desk); err != nil {
			t.Fatal(err)
		}
		if got := <-heard; got != desk {
			t.Errorf("woke %q, heard %q", desk, got)
		}
	}
	cancel()
	if err := s.Wake("se.spoc"); err != nil {
		t.Fatal(err)
	}
	if err := s.open.Load().conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 0 {
		t.Errorf("heard %q after cancel", <-heard)
	}
}

func TestWakeRefusesWhatIsNoAddress(t *testing.T) {
	s := create(t)
	for _, desk := range []signed.Address{"", "*", ">", "se.*", "se spoc", "SE.spoc", "se_spoc", "se.spöc", "se\r\nPUB"} {
		if s.Wake(desk) == nil {
			t.Errorf("woke %q", desk)
		}
	}
}
