package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// widthOf is how many columns of a terminal the results have, 0 where they go elsewhere
// and nothing is cut.
func widthOf(to any) int {
	file, ok := to.(*os.File)
	if !ok {
		return 0
	}
	width := terminalColumns(file)
	if said, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && said > 0 && width > 0 {
		return said
	}
	return width
}

const gap = "  " // between columns

// table prints rows in columns. The first row has the headings. On a terminal that is too
// narrow the cells become shorter, and where even that is not enough each row becomes a
// block of lines.
func (o *output) table(rows [][]string) error {
	const near = " " // the columns, where there is no room for two blanks
	if o.width == 0 || tooWide(rows, o.width) <= 0 {
		return o.columns(rows, gap)
	}
	switch short := fitted(rows, o.width); {
	case tooWide(short, o.width) <= 0:
		return o.columns(short, gap)
	case tooWide(short, o.width) <= (len(gap)-len(near))*(len(rows[0])-1):
		return o.columns(short, near)
	}
	for i, row := range rows[1:] {
		if i > 0 {
			if err := o.printf("\n"); err != nil {
				return err
			}
		}
		block := make([][]string, len(row))
		for n, cell := range row {
			block[n] = []string{rows[0][n], cell}
		}
		if err := o.columns(block, gap); err != nil {
			return err
		}
	}
	return nil
}

// fields prints one thing, a line for each field and its value, in full.
func (o *output) fields(rows [][]string) error { return o.columns(rows, gap) }

// columns prints rows in columns as they are, without blanks at the end.
func (o *output) columns(rows [][]string, gap string) error {
	widths := widthsOf(rows)
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + gap)
			}
		}
		if err := o.printf("%s\n", strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

func widthsOf(rows [][]string) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// tooWide is by how much a table is wider than a terminal.
func tooWide(rows [][]string, width int) int {
	widths := widthsOf(rows)
	total := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	return total - width
}

// fitted makes a table narrower until a terminal has room for it: the longest texts first,
// then times without their seconds, then days alone, then texts again. Ids, amounts and
// words are never cut.
func fitted(rows [][]string, width int) [][]string {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i] = slices.Clone(rows[i])
	}
	cutTexts(rows, width, 24)
	for _, form := range []func(string) string{toMinutes, toDays} {
		if tooWide(rows, width) <= 0 {
			return rows
		}
		for _, row := range rows[1:] {
			for i, cell := range row {
				row[i] = form(cell)
			}
		}
	}
	cutTexts(rows, width, 6)
	return rows
}

// cutTexts cuts the columns that are texts, the widest of them always, to no less than
// least.
func cutTexts(rows [][]string, width, least int) {
	widths := widthsOf(rows)
	for over := tooWide(rows, width); over > 0; over-- {
		widest := -1
		for i, heading := range rows[0] {
			if isText(heading) && widths[i] > max(least, len(heading)) && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if isText(rows[0][i]) {
				row[i] = cut(cell, widths[i])
			}
		}
	}
}

// isText reports whether a column has texts of any length, which may be cut.
func isText(heading string) bool {
	return slices.Contains([]string{
		"EMAIL", "AFFILIATE", "CODE", "NAME", "REFERENCE", "NOTE", "URL", "EVENTS", "EXTERNAL IDS", "BY", "PROJECT", "ERROR",
		"WHAT", "ABOUT", "RESULT",
	}, heading)
}

// cut shortens a text to so many characters: in the middle where it is one word, as
// addresses and references differ at both ends, and at the end of sentences.
func cut(text string, width int) string {
	letters := []rune(text)
	switch {
	case len(letters) <= width:
		return text
	case strings.Contains(text, " "):
		return string(letters[:width-1]) + "…"
	}
	tail := (width - 1) / 2
	return string(letters[:width-1-tail]) + "…" + string(letters[len(letters)-tail:])
}

// end cuts the text at the end of a line, after so many columns.
func (o *output) end(text string, before int) string {
	if room := o.width - before; o.width > 0 && room > 0 {
		return cut(text, room)
	}
	return text
}

// A stamp is 2026-11-30T20:58:28.157Z.
const stampLength = 24

func isStamp(text string) bool {
	return len(text) == stampLength && text[10] == 'T' && text[stampLength-1] == 'Z'
}

// toMinutes leaves out the seconds of an instant.
func toMinutes(text string) string {
	if isStamp(text) {
		return text[:16] + "Z"
	}
	return text
}

// toDays leaves out the time of an instant without seconds.
func toDays(text string) string {
	if len(text) == 17 && text[10] == 'T' && text[16] == 'Z' {
		return text[:10]
	}
	return text
}

// paragraph prints sentences, in lines that a terminal has room for.
func (o *output) paragraph(text string) error {
	if o.width == 0 {
		return o.printf("%s\n", text)
	}
	line := 0
	for i, word := range strings.Fields(text) {
		length, separator := utf8.RuneCountInString(word), " "
		switch {
		case i == 0:
			separator, line = "", length
		case line+1+length > o.width:
			separator, line = "\n", length
		default:
			line += 1 + length
		}
		if err := o.printf("%s%s", separator, word); err != nil {
			return err
		}
	}
	return o.printf("\n")
}
