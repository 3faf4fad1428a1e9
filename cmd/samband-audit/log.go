package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"samband/gateway/auditlog"
	"samband/gateway/durable"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A provedLog is a log that was proved whole.
type provedLog struct {
	Tree     auditlog.Tree `json:"log"`
	Origin   string        `json:"origin"`
	Key      string        `json:"key"`
	Size     int64         `json:"size"`
	Root     signed.Hash   `json:"root"`
	Register *contents     `json:"register,omitempty"`
}

// The contents of a register, counted at its end.
type contents struct {
	Parties    int `json:"parties"`
	Desks      int `json:"desks"`
	Agreements int `json:"agreements"`
}

// proveLog proves the log in a folder by the key that the federation file names
// for it. Which of the two logs it is, its checkpoint says.
func proveLog(dir string, f *register.Federation) (*provedLog, error) {
	tree, err := whichLog(dir, f)
	if err != nil {
		return nil, err
	}
	if tree == auditlog.Register {
		_, l, err := replay(dir, f)
		return l, err
	}
	head, err := auditlog.VerifyFolder(durable.DirFS(dir), f.Audit)
	if err != nil {
		return nil, err
	}
	if err := onlyLeaves(dir, head.Size); err != nil {
		return nil, err
	}
	return proved(tree, f.Audit, head), nil
}

func proved(tree auditlog.Tree, key *signed.PublicKey, h signed.Head) *provedLog {
	return &provedLog{Tree: tree, Origin: h.Origin, Key: key.VerifierKey(), Size: h.Size, Root: h.Root}
}

func whichLog(dir string, f *register.Federation) (auditlog.Tree, error) {
	_, errAudit := auditlog.ReadCheckpoint(durable.DirFS(dir), f.Audit)
	_, errRegister := auditlog.ReadCheckpoint(durable.DirFS(dir), f.Register)
	var damage *auditlog.Damage
	switch {
	case errAudit == nil:
		return auditlog.Audit, nil
	case errRegister == nil:
		return auditlog.Register, nil
	case errors.Is(errAudit, fs.ErrNotExist):
		if _, err := os.Stat(dir); err != nil {
			return "", err
		}
		return "", &auditlog.Damage{File: auditlog.CheckpointFile, Entry: -1, What: "the file is missing: this is no log, or not all of one"}
	case errors.As(errAudit, &damage) && errors.As(errRegister, &damage):
		return "", &auditlog.Damage{File: auditlog.CheckpointFile, Entry: -1,
			What: fmt.Sprintf("it is not signed by a log of this exchange, neither %s nor %s", f.Audit.Name, f.Register.Name)}
	default:
		return "", errAudit
	}
}

// onlyLeaves checks that the audit log has nothing but leaves of 32 bytes.
func onlyLeaves(dir string, size int64) error {
	index := int64(0)
	for e, err := range auditlog.Entries(durable.DirFS(dir), size) {
		if err != nil {
			return err
		}
		if len(e) != len(signed.Hash{}) {
			return &auditlog.Damage{File: "tile/entries", Entry: index, What: "the audit log has an entry that is no leaf"}
		}
		index++
	}
	return nil
}

// replay proves the register's log and lets each entry pass the register's own
// checks, from the federation file on.
func replay(dir string, f *register.Federation) (*register.Register, *provedLog, error) {
	head, err := auditlog.VerifyFolder(durable.DirFS(dir), f.Register)
	if err != nil {
		return nil, nil, err
	}
	var r *register.Register
	index := int64(0)
	for e, err := range auditlog.Entries(durable.DirFS(dir), head.Size) {
		switch {
		case err != nil:
			return nil, nil, err
		case r == nil:
			r, err = register.New(e)
		default:
			_, err = r.Append(e)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("register entry %d: %w", index, err)
		}
		index++
	}
	if r == nil || r.Exchange() != f.Hash() {
		return nil, nil, mismatchf("the register does not begin with this federation file")
	}
	l, v := proved(auditlog.Register, f.Register, head), r.Now()
	l.Register = &contents{len(v.Parties()), len(v.Desks()), len(v.Agreements())}
	return r, l, nil
}
