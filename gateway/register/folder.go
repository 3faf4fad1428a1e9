package register

import (
	"io/fs"

	"samband/gateway/auditlog"
	"samband/gateway/problem"
)

// Load replays the register of a log folder, such as a copy of the broker's
// log/register, from its files alone. Its exchange must be that of the
// federation file, and its entries those under a checkpoint signed by the log
// key that the file names.
func Load(folder fs.FS, federation []byte) (*Register, error) {
	f, err := ParseFederation(federation)
	if err != nil {
		return nil, err
	}
	head, err := auditlog.ReadCheckpoint(folder, f.Register)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for entry, err := range auditlog.Entries(folder, head.Size) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	r, err := Replay(entries)
	switch {
	case err != nil:
		return nil, err
	case r.Exchange() != f.Hash():
		return nil, problem.New(problem.WrongExchange, "the register's exchange is %s", r.Exchange())
	case r.Head() != head:
		return nil, problem.New(problem.LogContradicts, "the entries are not those under the checkpoint of size %d", head.Size)
	}
	return r, nil
}
