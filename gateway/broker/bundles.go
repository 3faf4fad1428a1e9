package broker

import (
	"samband/gateway/broker/internal/bundles"
	"samband/schema"
)

func (s Settings) bundles() bundles.Folder { return bundles.Folder(s.catalogue()) }

// AddBundle puts a catalogue bundle into a broker's folder, whether it runs or not:
// from then on desks can fetch it. Any bundle is taken, since it should be there
// before the entry that names it; and one that no entry names does no harm, as desks
// ask for those alone that one does.
func AddBundle(dir string, b *schema.Bundle) error {
	s, err := ReadSettings(dir)
	if err != nil {
		return err
	}
	if err := s.present(); err != nil {
		return err
	}
	return s.bundles().Add(b)
}

// lacks lists the bundles that the register names and the broker doesn't have.
func (b *Broker) lacks() []schema.BundleHash {
	var lacks []schema.BundleHash
	for _, hash := range b.view().Bundles() {
		if !b.settings.bundles().Has(hash) {
			lacks = append(lacks, hash)
		}
	}
	return lacks
}
