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
			if got := codeOf(err); got != problem.Code(code) || (err == nil) != (len(code) == 0) {
				t.Errorf("judged %q (%v), want %q", got, err, code)
			}
			q.register = ""
			want := problem.Code(code)
			if onlyByRegister[filepath.Base(vector)] {
				want = ""
			}
			if err := q.answer(io.Discard); codeOf(err) != want || (err == nil) != (want == "") {
				t.Errorf("without the register judged %v, want %q", err, want)
			}
		})
	}
}

// onlyByRegister are the vectors whose fault nobody sees without the register.
var onlyByRegister = map[string]bool{
	"accepted-with-the-signatures-of-another-desk": true,
	"accepted-without-an-agreement":                true,
	"accepted-after-it-expired":                    true,
	"accepted-under-a-false-register-root":         true,
	"accepted-under-a-register-beyond-the-log":     true,
	"refused-under-a-false-register-root":          true,
	"refused-under-a-register-beyond-the-log":      true,
	"refused-as-bytes-whose-signatures-are-good":   true,
	"handed-over-by-the-online-ring":               true,
	"handed-over-by-keys-of-the-sender":            true,
}

func codeOf(err error) problem.Code {
	if p, ok := problem.Of(err); ok {
		return p.Code
	}
	return ""
}

func absent(path string) bool {
	_, err := os.Stat(path)
	return os.IsNotExist(err)
}
