package desk

import (
	"errors"
	"fmt"
	"io/fs"

	"samband/gateway/durable"
)

// trouble is what this desk knows to be amiss between it and the broker, with what to do:
// its own certificate first, then the broker's key, then the line.
func (d *Desk) trouble() error {
	if err := d.certificateFault(); err != nil {
		return err
	}
	err := d.room.Unheard()
	switch {
	case err == nil:
		return nil
	case d.room.Reachable():
		return fmt.Errorf("the broker refuses this desk's connection: %w", err)
	case errors.Is(err, errOtherServer):
		return fmt.Errorf("at %s: %w", d.settings.Broker, err)
	}
	return fmt.Errorf("the broker at %s is not reached: %w", d.settings.Broker, err)
}

// certificateFault is why the certificate in the folder, if there is one, can't be shown.
func (d *Desk) certificateFault() error {
	const way = "have the PKI that issued it issue another, or take the file away: the desk then makes its own"
	cert, err := d.dir.readCertificate()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, fs.ErrPermission):
		if owner := durable.OthersOwner(d.dir.certificate()); owner != "" {
			return fmt.Errorf("%s belongs to %s, and this desk can't read it: give it to the owner of its folder", d.dir.certificate(), owner)
		}
		return err
	case err != nil:
		return fmt.Errorf("this desk's certificate.pem: %w; if it is damaged, %s", err, way)
	case !d.online.Now().TLS.PublicKey.Equal(cert.PublicKey):
		return errors.New("this desk's certificate.pem is for another key than the desk's: " + way)
	}
	return nil
}
