package desk

import "context"

// Import takes a catalogue bundle that the register names: for a desk whose broker
// can't give it. What waited for its types goes on. BUNDLE_INVALID for a bundle that
// this desk doesn't know to be named, and for one that doesn't load.
func (d *Desk) Import(_ context.Context, bundle []byte) error { return d.room.ImportBundle(bundle) }
