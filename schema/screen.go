package schema

import "time"

// RightToLeft reports whether a language is written so.
func RightToLeft(lang string) bool { return lang == "ar" }

// LeftToRight keeps a word such as a date or a code together in a sentence of a language
// that is written from right to left, which would turn its parts around.
func LeftToRight(word, lang string) string {
	const mark = "\u200e"
	if RightToLeft(lang) {
		return mark + word + mark
	}
	return word
}

// Moment is a time as people read it, in the zone that it has.
func Moment(t time.Time, lang string) string {
	return LeftToRight(t.Format("2006-01-02 15:04 MST"), lang)
}

// Screen is a fixed word of screens, such as that of a message's state; a phrase may
// have verbs of fmt, as in "%s left". It falls back to the first of Languages, and to the
// key itself.
func Screen(lang, key string) string {
	words, ok := Embedded().labels["screen"][key]
	if !ok {
		return key
	}
	if l := words[lang]; l.Label != "" {
		return l.Label
	}
	return words[Languages[0]].Label
}
