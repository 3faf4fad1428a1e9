package broker

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"

	"samband/gateway/api"
	"samband/gateway/broker/internal/bundles"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/durable"
	"samband/gateway/signed"
	"samband/schema"
)

func (s Settings) bundles() bundles.Folder { return bundles.Folder(s.catalogue()) }

// A shelf gives bundles to desks, as they have room to read.
type shelf struct {
	bundles.Folder
	quota *quota.Room
	log   *slog.Logger
}

// Catalogue gives a desk a bundle.
func (s shelf) Catalogue(ctx context.Context, caller signed.Address, hash schema.BundleHash) (b api.Bundle, err error) {
	err = s.quota.Read(ctx, caller, func() (err error) {
		b, err = s.Folder.Catalogue(ctx, caller, hash)
		return err
	})
	if errors.Is(err, bundles.ErrDamaged) {
		s.log.Error("a desk can't be given a catalogue bundle", "desk", caller, "error", err)
	}
	return b, err
}

// AddBundle puts a catalogue bundle into a broker's folder, whether it runs or not:
// from then on desks can fetch it. Any bundle is taken, since it should be there
// before the entry that names it; and one that no entry names does no harm, as desks
// ask for those alone that one does.
func AddBundle(dir string, b *schema.Bundle) error {
	if err := durable.CheckWriter(dir); err != nil {
		return err
	}
	s, err := ReadSettings(dir)
	if err != nil {
		return err
	}
	if err := s.present(); err != nil {
		return err
	}
	return s.bundles().Add(b)
}

// lacks lists the bundles that the register names and the broker doesn't have whole; and why,
// of those whose file is there.
func (b *Broker) lacks() (lacks []schema.BundleHash, damaged []string) {
	for _, hash := range b.view().Bundles() {
		err := b.settings.bundles().Check(hash)
		if err != nil {
			lacks = append(lacks, hash)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			damaged = append(damaged, err.Error())
		}
	}
	return lacks, damaged
}
