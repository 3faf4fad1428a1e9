package main

import (
	_ "embed"
	"html/template"
	"io"
	"strings"

	"samband/cmd/internal/cli"
	"samband/schema"
)

//go:embed page.html
var pageHTML string

// pageTemplate is the printable page. Its values are escaped by html/template, and what
// could mimic something by cli.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"clean":   cli.Clean,
	"heading": func(v schema.View) string { return cli.Clean(heading(v)) },
	"text":    func(s string) string { return strings.Join(cli.Lines(s), "\n") },
}).Parse(pageHTML))

// writeHTML writes a page as one file that needs no other.
func (g *page) writeHTML(w io.Writer) error { return pageTemplate.Execute(w, g) }
