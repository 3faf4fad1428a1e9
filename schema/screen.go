package schema

import (
	_ "embed"
	"encoding/json"
	"sync"
	"time"
)

//go:embed screen.json
var screenFile []byte

// screenWords are the fixed words of screens and drafts: key → language → words.
var screenWords = sync.OnceValue(func() (words map[string]map[string]string) {
	if err := json.Unmarshal(screenFile, &words); err != nil {
		panic(err)
	}
	return words
})

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

// Screen returns fixed words of a screen in one of Languages; the first language stands
// in for one that lacks them, and the key for words that nobody wrote.
func Screen(lang, key string) string {
	at := screenWords()[key]
	if w := at[lang]; w != "" {
		return w
	}
	if w := at[Languages[0]]; w != "" {
		return w
	}
	return key
}
