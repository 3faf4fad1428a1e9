package schema

import "embed"

// Samples are synthetic bodies of every type, in several languages and scripts:
// one case told from its first request to its last answer. They serve tests,
// the demonstration, and whoever drafts a type.
//
//go:embed testdata/case
var Samples embed.FS
