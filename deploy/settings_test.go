package deploy

import (
	"reflect"
	"strings"
	"testing"

	"samband/gateway/broker"
	"samband/gateway/config"
	"samband/gateway/desk"
)

// The examples are read by the programs' own settings, and leave out no key.
func TestExampleSettings(t *testing.T) {
	for path, settings := range map[string]any{
		"broker.example.yaml": new(broker.Settings),
		"desk.example.yaml":   new(desk.Settings),
	} {
		if err := config.Load(path, settings); err != nil {
			t.Error(err)
		}
		text := "\n" + read(t, path)
		fields := reflect.TypeOf(settings).Elem()
		for i := range fields.NumField() {
			if key := fields.Field(i).Tag.Get("yaml"); !strings.Contains(text, "\n"+key+": ") {
				t.Errorf("%s doesn't show %q", path, key)
			}
		}
	}
}

// Who installs all examples as they are has his metrics scraped.
func TestExampleMetricsAreScraped(t *testing.T) {
	var b broker.Settings
	var d desk.Settings
	if err := config.Load("broker.example.yaml", &b); err != nil {
		t.Fatal(err)
	}
	if err := config.Load("desk.example.yaml", &d); err != nil {
		t.Fatal(err)
	}
	jobs := scraped(t)
	for name, want := range map[string]job{
		"samband-broker": {target: b.Metrics},
		"samband-desk":   {target: d.Metrics, desk: string(d.Address)},
	} {
		if jobs[name] != want {
			t.Errorf("job %s scrapes %+v, the example serves %+v", name, jobs[name], want)
		}
	}
	if !strings.Contains(read(t, "RUNBOOK.md"), "http://"+b.Metrics+"/readyz") {
		t.Errorf("the runbook asks /readyz elsewhere than at %s", b.Metrics)
	}
}

// The broker's own reading: relative folders lie in its folder, which is the one
// that its unit may write.
func TestBrokerReadsItsExample(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/broker.yaml", read(t, "broker.example.yaml"))
	s, err := broker.ReadSettings(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.Keys != dir+"/keys" || s.Data != dir+"/data" {
		t.Errorf("keys in %s, data in %s: the unit and the runbook say otherwise", s.Keys, s.Data)
	}
}
