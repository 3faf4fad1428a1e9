package hit

import (
	"slices"
	"strings"
)

// A group is letters that stand for one of some sounds.
type group struct {
	letters string
	sounds  []string
}

// groups are Latin letters that stand for one sound in one or another way to write
// Russian, Arabic, Greek or Turkish names in Latin letters, longest first; "^" is the
// beginning of a name. A sound has a letter of its own: C of church and of Tsar, H of loch
// and of house, J of judge, S of ship, sea and zoo, V of very and of bay. A "~" is a
// vowel. Where a group stands for one of several sounds, each is tried.
var groups = byLetter([]group{
	{"SCHTSCH", []string{"SC"}}, {"CHTCH", []string{"SC"}}, {"SHTCH", []string{"SC"}}, {"SZCZ", []string{"SC"}}, {"SHCH", []string{"SC"}},
	{"TSCH", []string{"C"}}, {"TCH", []string{"C"}}, {"SCH", []string{"S", "SC"}}, {"DZH", []string{"J"}}, {"DSCH", []string{"J"}},
	{"GIA", []string{"G~", "~"}}, {"GIO", []string{"G~", "~"}}, {"^GE", []string{"G~", "~"}}, {"^NT", []string{"NT", "D"}}, {"^MP", []string{"MP", "V"}},
	{"CH", []string{"C", "H", "S", "K"}}, {"CZ", []string{"C"}}, {"CK", []string{"K"}}, {"TS", []string{"C"}}, {"TZ", []string{"C", "J"}},
	{"SH", []string{"S"}}, {"SZ", []string{"S"}}, {"ZH", []string{"J", "S"}}, {"DJ", []string{"J"}}, {"DZ", []string{"J"}}, {"DG", []string{"J"}},
	{"KH", []string{"H"}}, {"GH", []string{"G"}}, {"PH", []string{"F"}}, {"TH", []string{"T"}}, {"DH", []string{"D"}}, {"RH", []string{"R"}},
	{"KS", []string{"X"}}, {"GG", []string{"G", "NG"}}, {"MP", []string{"MP", "MV"}},
	{"C", []string{"K", "S", "C"}}, {"J", []string{"J", "~"}}, {"W", []string{"V", "~"}}, {"Z", []string{"S", "C"}}, {"Q", []string{"K"}}, {"B", []string{"V"}},
	{"A", []string{"~"}}, {"E", []string{"~"}}, {"I", []string{"~"}}, {"O", []string{"~"}}, {"U", []string{"~"}}, {"Y", []string{"~"}},
})

// byLetter sorts groups by the letter that they begin with.
func byLetter(all []group) (sorted [256][]group) {
	for _, g := range all {
		first := strings.TrimPrefix(g.letters, "^")[0]
		sorted[first] = append(sorted[first], g)
	}
	return sorted
}

// maxSounds limits how many ways to speak one word are tried.
const maxSounds = 12

// soundsOf are the ways to speak a word of Latin capitals. In each, doubled letters and
// neighbouring vowels are one.
func soundsOf(word string) []string {
	all := [][]byte{make([]byte, 0, len(word)+2)}
	for i := 0; i < len(word); {
		letters, sounds := soundAt(word, i)
		if len(all)*len(sounds) > maxSounds {
			sounds = sounds[:1]
		}
		begun := all
		for _, s := range sounds[1:] {
			for _, w := range begun {
				all = append(all, join(slices.Clone(w), s))
			}
		}
		for n, w := range begun {
			all[n] = join(w, sounds[0])
		}
		i += letters
	}
	words := make([]string, len(all))
	for n, w := range all {
		words[n] = string(w)
	}
	return set(endings(words))
}

// soundAt says how many letters stand for the sound at a place of a word, and which it may
// be.
func soundAt(word string, i int) (letters int, sounds []string) {
	for _, g := range groups[word[i]] {
		group, first := strings.CutPrefix(g.letters, "^")
		if strings.HasPrefix(word[i:], group) && (!first || i == 0) {
			return len(group), g.sounds
		}
	}
	return 1, itself[int(word[i]) : int(word[i])+1]
}

// itself is each letter as a sound.
var itself = func() (all []string) {
	for c := range 256 {
		all = append(all, string([]byte{byte(c)}))
	}
	return all
}()

// join appends a sound, unless the word ends in the same.
func join(begun []byte, sound string) []byte {
	if len(begun) > 0 && begun[len(begun)-1] == sound[0] {
		sound = sound[1:]
	}
	return append(begun, sound...)
}

// endings are the words with what the end of a word makes of its sound: F is a V, and D a
// T. An H is spoken or not.
func endings(words []string) (all []string) {
	for _, w := range words {
		if w == "" {
			continue
		}
		switch last := len(w) - 1; w[last] {
		case 'F':
			w = strings.TrimSuffix(w[:last], "V") + "V"
		case 'D':
			w = strings.TrimSuffix(w[:last], "T") + "T"
		case 'H':
			if last > 0 {
				all = append(all, w[:last])
			}
		}
		all = append(all, w)
	}
	return all
}

// consonantsOf is a sound without its vowels.
func consonantsOf(sound string) string { return strings.ReplaceAll(sound, "~", "") }

// arabicConsonants are the ways to speak a word of Arabic letters, without vowels.
func arabicConsonants(word string) []string {
	all, last := []string{""}, ""
	for _, c := range word {
		sounds := letters[c].consonants
		if len(sounds) == 0 {
			continue
		}
		last = sounds[0]
		if len(all)*len(sounds) > maxSounds {
			sounds = sounds[:1]
		}
		var longer []string
		for _, begun := range all {
			for _, s := range sounds {
				longer = append(longer, begun+s)
			}
		}
		all = longer
	}
	if last != "" {
		all = endings(all)
	}
	return set(all)
}
