package schema

import (
	_ "embed"
	"encoding/json"
	"sync"
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
