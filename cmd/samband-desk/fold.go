package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"golang.org/x/text/width"
)

// screenWidth is how many columns the terminal has that is written to; 0 where it is
// none.
func screenWidth(c *cobra.Command) int {
	out, ok := c.OutOrStdout().(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(out.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// minWidth is the narrowest screen for which lines are folded.
const minWidth = 40

// folded cuts a line into parts that fit the screen. The terminal would begin the rest
// of a long line at its edge, where the writer's words could pass for a field of ours;
// here it stands behind the line's own indent and a mark.
func folded(line string, screen int) (parts []string) {
	if screen < minWidth {
		return []string{line}
	}
	mark := line[:len(line)-len(strings.TrimLeft(line, " "))]
	if len(mark) > screen/2 {
		mark = ""
	}
	mark += "┆ "
	begin, used, prefix := 0, 0, ""
	for i, c := range line {
		if used+cells(c) > screen && i > begin {
			cut := i
			if n := strings.LastIndexByte(line[begin:i], ' '); n > 0 && strings.Trim(line[begin:begin+n], " │┆") != "" {
				cut = begin + n + 1
			}
			parts = append(parts, prefix+line[begin:cut])
			begin, prefix, used = cut, mark, len([]rune(mark))
			for _, c := range line[begin:i] {
				used += cells(c)
			}
		}
		used += cells(c)
	}
	return append(parts, prefix+line[begin:])
}

// cells are how many columns a character takes at most.
func cells(c rune) int {
	switch {
	case c == '\t':
		return 8
	case width.LookupRune(c).Kind() == width.EastAsianWide, width.LookupRune(c).Kind() == width.EastAsianFullwidth:
		return 2
	}
	return 1
}
