package desk

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"samband/gateway/durable"
)

// trouble is what this desk knows to be amiss between it and the broker, with what to do:
// its own certificate first, then its clock, then the line.
func (d *Desk) trouble() error {
	if err := d.certificateFault(); err != nil {
		return err
	}
	err := d.room.Unheard()
	var shown x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &shown) && shown.Reason == x509.Expired:
		return fmt.Errorf("the broker's certificate is valid from %s to %s, and this desk's clock says %s: check this clock first, then call the broker's operator",
			day(shown.Cert.NotBefore), day(shown.Cert.NotAfter), day(d.now()))
	case d.room.Reachable():
		return fmt.Errorf("the broker refuses this desk's connection: %w", err)
	}
	return fmt.Errorf("the broker at %s is not reached: %w", d.settings.Broker, err)
}

// certificateFault is why no broker can take this desk's certificate.
func (d *Desk) certificateFault() error {
	const renew = "have the party issue one for the card (samband-party issue), then run samband-desk init --certificate FILE"
	cert, err := d.dir.readCertificate()
	now := d.now()
	switch {
	case errors.Is(err, fs.ErrPermission):
		if owner := durable.OthersOwner(d.dir.certificate()); owner != "" {
			return fmt.Errorf("%s belongs to %s, and this desk can't read it: give it to the owner of its folder", d.dir.certificate(), owner)
		}
		return err
	case err != nil:
		return fmt.Errorf("this desk's certificate.pem: %w; if it is damaged, %s", err, renew)
	case !d.online.TLS.PublicKey.Equal(cert.PublicKey):
		return errors.New("this desk's certificate.pem is for another key than the desk's: " + renew)
	case now.After(cert.NotAfter):
		return fmt.Errorf("this desk's certificate ended on %s, and its clock says %s: if the clock is right, %s", day(cert.NotAfter), day(now), renew)
	case now.Before(cert.NotBefore):
		return fmt.Errorf("this desk's certificate is valid from %s, and its clock says %s: check the clock", day(cert.NotBefore), day(now))
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }
