package passphrase

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"math/big"
	"strings"
	"sync"
)

// The list is the EFF's large one for dice (2016, 7776 words), by Joseph Bonneau and the
// Electronic Frontier Foundation: https://www.eff.org/dice, under the licence Creative
// Commons Attribution 3.0 United States. Its words stand here in their order, without the
// numbers of the dice.
//
//go:embed words.txt
var wordList string

// Six words of 7776 are 77.5 bits: with a second's work for each guess, more than anybody
// tries. They are drawn evenly, so the list being known does not matter.
const (
	wordCount = 6
	wordBits  = 77
)

var wordsOf = sync.OnceValue(func() []string { return strings.Fields(wordList) })

// words makes a passphrase of words.
func words() []byte {
	list := wordsOf()
	var b bytes.Buffer
	b.Grow(wordCount * 16) // so that no copy of it stays behind
	for i := range wordCount {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(list))))
		if err != nil {
			panic(err) // crypto/rand's reader returns none
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(list[n.Int64()])
	}
	return b.Bytes()
}
