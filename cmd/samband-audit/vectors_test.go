package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"samband/gateway/problem"
)

// The auditor gives each vector of gateway/verify the code that a desk gives it.
func TestVectors(t *testing.T) {
	dir := filepath.Join("..", "..", "gateway", "verify", "testdata", "vectors")
	cases, err := filepath.Glob(filepath.Join(dir, "*", "code"))
	if err != nil || len(cases) < 20 {
		t.Fatalf("%d vectors (%v)", len(cases), err)
	}
	for _, file := range cases {
		vector := filepath.Dir(file)
		t.Run(filepath.Base(vector), func(t *testing.T) {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			q := &question{federation: filepath.Join(dir, "federation"), register: filepath.Join(dir, "register"), proof: filepath.Join(vector, "proof")}
			if q.message = filepath.Join(vector, "message"); absent(q.message) {
				q.message, q.statement = "", filepath.Join(vector, "statement")
			}
			err = q.answer(io.Discard)
			got := problem.Code("")
			if p, ok := problem.Of(err); ok {
				got = p.Code
			}
			if got != problem.Code(code) || (err == nil) != (len(code) == 0) {
				t.Errorf("judged %q (%v), want %q", got, err, code)
			}
		})
	}
}

func absent(path string) bool {
	_, err := os.Stat(path)
	return os.IsNotExist(err)
}
