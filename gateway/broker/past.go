package broker

import (
	"samband/gateway/broker/internal/index"
	"samband/gateway/broker/internal/ledger"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// past is the index as the sequencer asks for it. Reset makes another database,
// so nobody reads before the sequencer is open.
type past struct {
	*index.Index
	path            string
	audit, registry string // origins
}

func (p *past) Position() (uint64, ledger.Sizes) {
	at := p.Index.Position()
	return at.Group, ledger.Sizes{
		Audit:    ledger.Size{Entries: at.Audit.Size, Root: at.Audit.Root},
		Register: ledger.Size{Entries: at.Register.Size, Root: at.Register.Root},
	}
}

func (p *past) Reset() error {
	if err := p.Index.Close(); err != nil {
		return err
	}
	x, err := index.Reset(p.path)
	if err != nil {
		return err
	}
	p.Index = x
	return nil
}

func (p *past) Apply(groups []*ledger.Group) error {
	batch := make([]index.Group, len(groups))
	for i, g := range groups {
		var err error
		if batch[i], err = p.indexed(g); err != nil {
			return err
		}
	}
	return p.Index.Apply(batch)
}

// indexed tells the index which record accepts which envelope. A blob that
// belongs to no record is an envelope that came again.
func (p *past) indexed(g *ledger.Group) (index.Group, error) {
	out := index.Group{
		Seq: g.Number, Removed: g.Bare,
		Audit:    signed.Head{Origin: p.audit, Size: g.After.Audit.Entries, Root: g.After.Audit.Root},
		Register: signed.Head{Origin: p.registry, Size: g.After.Register.Entries, Root: g.After.Register.Root},
	}
	places := map[signed.Hash]int{}
	for i, b := range g.Blobs {
		places[b.Of] = i
	}
	for i := range g.Entries {
		r := &g.Entries[i].Record
		item := index.Item{Entry: &g.Entries[i], Blob: index.NoBlob}
		if place, ok := places[r.Message]; ok && r.Kind == envelope.Accepted {
			item.Blob = place
			delete(places, r.Message)
		}
		delete(places, r.Statement)
		out.Items = append(out.Items, item)
	}
	for i, b := range g.Blobs {
		if _, left := places[b.Of]; !left {
			continue
		}
		if _, err := envelope.Parse(b.Bytes); err != nil {
			return out, err
		}
		out.Restored = append(out.Restored, index.Restored{Message: b.Of, Blob: i})
	}
	return out, nil
}
