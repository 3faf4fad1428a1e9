package signed

// What the tests of this package see beyond its users.
const (
	MaxText          = maxText
	MaxLine          = maxLine
	MaxSignatureLine = maxSignatureLine
)

var (
	CheckText = checkText
	ParseWord = parseWord
	Quote     = quote
	Unquote   = unquote
)
