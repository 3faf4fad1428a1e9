package register

import (
	"io/fs"

	"samband/gateway/auditlog"
	"samband/gateway/problem"
)

// Load replays the register of a log folder, such as a copy of the broker's
// log/register, from its files alone: the entries must be those under a
// checkpoint signed by the log key in the federation file.
func Load(folder fs.FS, federation []byte) (*Register, error) {
	r, err := New(federation)
	if err != nil {
		return nil, err
	}
	head, err := auditlog.ReadCheckpoint(folder, r.federation.Register)
	if err != nil {
		return nil, err
	}
	for entry, err := range auditlog.Entries(folder, head.Size) {
		if err != nil {
			return nil, err
		}
		if string(entry) == string(federation) && r.Size() == 1 {
			continue // the first, which began the register
		}
		if _, err := r.Append(entry); err != nil {
			return nil, err
		}
	}
	if r.Head() != head {
		return nil, problem.New(problem.LogContradicts, "the entries are not those under the checkpoint of size %d", head.Size)
	}
	return r, nil
}
