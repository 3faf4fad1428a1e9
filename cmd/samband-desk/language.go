package main

import (
	"cmp"
	"os"
	"strings"

	"github.com/spf13/cobra"
	xlanguage "golang.org/x/text/language"

	"samband/cmd/internal/cli"
	"samband/schema"
)

// A language is the flag --lang: one of schema.Languages, as near as can be to what was
// asked for.
type language string

func (l *language) String() string { return string(*l) }
func (l *language) Type() string   { return "language" }

func (l *language) Set(v string) error {
	if _, err := xlanguage.Parse(v); err != nil {
		return cli.Usagef("%q is no language; there are %s", v, strings.Join(schema.Languages, ", "))
	}
	*l = nearest(v)
	return nil
}

// languages are what labels are written in, for the choice among them.
var languages = func() xlanguage.Matcher {
	var tags []xlanguage.Tag
	for _, l := range schema.Languages {
		tags = append(tags, xlanguage.Make(l))
	}
	return xlanguage.NewMatcher(tags)
}()

func nearest(tag string) language {
	_, i, _ := languages.Match(xlanguage.Make(tag))
	return language(schema.Languages[i])
}

// environmentLanguage is that of the reader's environment, as POSIX has it: the first
// variable that is set counts, such as sv_SE.UTF-8.
func environmentLanguage() language {
	locale := cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG"))
	locale, _, _ = strings.Cut(locale, ".")
	locale, _, _ = strings.Cut(locale, "@")
	return nearest(strings.ReplaceAll(locale, "_", "-"))
}

// speaks adds --lang to all commands.
func (p *program) speaks(root *cobra.Command) {
	lang := environmentLanguage()
	p.lang = &lang
	root.PersistentFlags().Var(p.lang, "lang", "language of labels and screens: "+strings.Join(schema.Languages, ", "))
}

// say returns fixed words of a screen.
func (p *program) say(key string) string { return schema.Screen(string(*p.lang), key) }
