package passphrase

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"golang.org/x/text/unicode/norm"

	"samband/cmd/internal/cli"
	"samband/gateway/problem"
)

// exit is the exit code of an error, and the last line that the program says of it.
func exit(err error) (code int, next string) {
	c := &cobra.Command{Use: "samband-x", RunE: func(*cobra.Command, []string) error { return err }}
	var says strings.Builder
	code = (&cli.Program{}).Run(c, nil, strings.NewReader(""), io.Discard, &says)
	lines := strings.Split(strings.TrimSpace(says.String()), "\n")
	return code, lines[len(lines)-1]
}

// A script gives one line; what is no passphrase is refused.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for in, want := range map[string]string{
		"nine geese\r\nover the sea": "nine geese", "nine geese": "nine geese", "nine geese\n": "nine geese", " nine ": " nine ",
		"\nnine": "", "": "", "\r\n": "",
	} {
		if err := os.WriteFile(path, []byte(in), 0o600); err != nil {
			t.Fatal(err)
		}
		c := &cobra.Command{}
		c.SetIn(strings.NewReader(in))
		for _, file := range []string{path, "-"} {
			if got, err := Existing(c, file, "the keys"); string(got) != want || (err != nil) != (want == "") {
				t.Errorf("%q is read from %s as %q, %v", in, file, got, err)
			}
			c.SetIn(strings.NewReader(in))
		}
	}
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Existing(&cobra.Command{}, path, "the keys"); problem.CodeOf(err) != problem.Oversize {
		t.Errorf("a file too long: %v", err)
	}
	if _, err := Existing(&cobra.Command{}, filepath.Join(dir, "none"), "the keys"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Without a terminal nobody is asked, and the words say how a script gives one.
func TestNoTerminal(t *testing.T) {
	c := &cobra.Command{}
	c.SetIn(strings.NewReader("nine geese over the sea\n"))
	_, existing := Existing(c, "", "the keys")
	_, made := New(c, "", false, "the keys")
	_, ofWords := New(c, "", true, "the keys")
	for _, err := range []error{existing, made, ofWords} {
		if code, next := exit(err); code != 2 || !strings.Contains(next, "--passphrase-file FILE, or - for standard input") {
			t.Errorf("%v exits %d and says %s", err, code, next)
		}
	}
	if _, err := New(c, "-", true, "the keys"); err == nil || !strings.Contains(err.Error(), "--words or the file") {
		t.Errorf("words and a file: %v", err)
	}
}

// What is easy to guess is refused, wherever it comes from, in words that don't repeat it;
// what is not passes, in any language.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for n, weak := range []string{
		"a", "short words", "password", "Passwordpasswordpassword", "Password1!Police2026", "aaaaaaaaaaaaaaaaaaaaaaaaaa",
		"123456789012345678901234567890", "abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba", "qwertyuiopasdfghjklzxcvbnm",
		"abcabcabcabcabcabcabcabc", "geese geese geese geese geese", "se.spoc se.spoc se.spoc", "Polismyndigheten", "rikskriminalen är bäst",
		"correct horse battery staple", "lösenordlösenord1", "               ", strings.Repeat("ab", 5000), "tab\tin a good passphrase of words",
		"not text \xff in a good passphrase", "\ufeff",
	} {
		known := []string{"se.spoc", "Polismyndigheten", "Rikskriminalen"}
		err := Check([]byte(weak), known...)
		code, next := exit(err)
		if err == nil || code != 2 || !strings.Contains(next, "--words") {
			t.Errorf("%q: %v, exits %d and says %s", weak, err, code, next)
			continue
		}
		if len(weak) > 10 && strings.TrimSpace(weak) != "" && strings.Contains(err.Error(), weak) {
			t.Errorf("it says the passphrase: %v", err)
		}
		path := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(path, []byte(weak), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(&cobra.Command{}, path, false, "the keys", known...); err == nil {
			t.Errorf("%q is taken from a file", weak)
		}
	}
	for _, good := range []string{
		"winter ferry lighthouse", "lumi on valkoista", "nine geese over the sea", "Åkerö på vägen, 1987", norm.NFD.String("Åkerö på vägen, 1987"),
		"хмурый бобр грызёт", "国際連絡室の猫は窓辺で眠るのが好き", "xK9#mQ2$vL7@nR4", "Polismyndigheten has nine geese and no cat",
	} {
		if err := Check([]byte(good), "Polismyndigheten"); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

// The list is the EFF's, word for word: its own file, with the numbers of the dice, has this
// hash.
func TestWordList(t *testing.T) {
	h := sha256.New()
	for i, w := range wordsOf() {
		dice, n := "", i
		for range 5 {
			dice, n = fmt.Sprint(n%6+1)+dice, n/6
		}
		fmt.Fprintf(h, "%s\t%s\n", dice, w)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != "addd35536511597a02fa0a9ff1e5284677b8883b83e986e43f15a3db996b903e" {
		t.Errorf("the list has the hash %s", got)
	}
	if bits := wordCount * math.Log2(float64(len(wordsOf()))); bits < wordBits || bits >= wordBits+1 {
		t.Errorf("%d words are %.1f bits, not %d", wordCount, bits, wordBits)
	}
}

// A passphrase of words has as many as it says, no two are alike, and each passes the check.
func TestWords(t *testing.T) {
	seen := map[string]bool{}
	for range 2000 {
		p := string(words())
		if seen[p] || len(strings.Split(p, " ")) != wordCount {
			t.Fatalf("%q", p)
		}
		seen[p] = true
		if err := Check([]byte(p)); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// Nothing that can be typed ends the check badly, or takes it long.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"nine geese", "aaaa", "abcabc", "Åkerö\u0301", "\xff", "qwerty321qwerty"} {
		f.Add(s, "se.spoc")
	}
	f.Fuzz(func(t *testing.T, secret, known string) {
		err := Check([]byte(secret), known)
		if err == nil && len([]rune(secret)) < least {
			t.Errorf("%q passes", secret)
		}
	})
}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"samband-x": func() { os.Exit(ask(os.Args[1:])) }})
}

// ask is a program that asks as its arguments say, and says how long the answer is.
func ask(args []string) int {
	var words bool
	c := &cobra.Command{Use: "samband-x", Args: cobra.ExactArgs(1)}
	file := FileFlag(c.Flags(), File, "of the keys")
	c.Flags().BoolVar(&words, "words", false, "")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		var secret []byte
		if args[0] == "new" {
			secret, err = New(c, *file, words, "the keys", "se.spoc")
		} else {
			secret, err = Existing(c, *file, "the keys")
		}
		if err == nil {
			fmt.Fprintf(c.OutOrStdout(), "it has %d bytes\n", len(secret))
		}
		return err
	}
	return (&cli.Program{}).Run(c, args, os.Stdin, os.Stdout, os.Stderr)
}
