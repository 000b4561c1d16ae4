package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"strings"
)

// A view is how lists of a kind of thing are shown.
type view[T any] struct {
	doing    string                   // what progress says, such as "reading payouts"
	headings []string                 // of the table
	row      func(*T) []string        // of the table
	form     func(*T) ([]byte, error) // its form in JSON
	full     T                        // one whose form has all members that there can be
}

// appended is the form of what has one in the REST API.
func appended[T any](form func(*T, []byte) []byte) func(*T) ([]byte, error) {
	return func(one *T) ([]byte, error) { return form(one, nil), nil }
}

// marshaled is the form of what is a form itself.
func marshaled[T any](one *T) ([]byte, error) { return json.Marshal(one) }

// show prints a list as the call wants it: as a table, as JSON, or as CSV.
func show[T any](c *call, of view[T], all iter.Seq2[T, error]) error {
	if c.csv {
		return showCSV(c, of, all)
	}
	stop := progress(c.stderr, of.doing)
	forms, rows := []json.RawMessage{}, [][]string{of.headings}
	for one, err := range all {
		var form []byte
		if err == nil && c.json {
			form, err = of.form(&one)
		}
		if err != nil {
			stop()
			return err
		}
		if c.json {
			forms = append(forms, form)
		} else {
			rows = append(rows, of.row(&one))
		}
	}
	stop()
	if c.json {
		return c.stdout.json(forms)
	}
	return c.stdout.table(rows)
}

// each walks what is known already.
func each[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
	}
}

// showCSV prints a list as RFC 4180 has it, line by line. The columns are the members that
// the form in JSON can have.
func showCSV[T any](c *call, of view[T], all iter.Seq2[T, error]) error {
	out := csv.NewWriter(c.stdout)
	out.UseCRLF = true
	form, err := of.form(&of.full)
	if err != nil {
		return err
	}
	columns, _, err := membersOf("", form)
	if err != nil {
		return err
	}
	if err := out.Write(columns); err != nil {
		return err
	}
	row := make([]string, len(columns))
	for one, err := range all {
		if err != nil {
			out.Flush() // what is read so far
			return err
		}
		if form, err = of.form(&one); err != nil {
			return err
		}
		_, cells, err := membersOf("", form)
		if err != nil {
			return err
		}
		for i, column := range columns {
			row[i] = cells[column]
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// membersOf are the names of an object's members in their order, and the values as cells.
// An object within it has its members beside the others, as in
// payout_preferences.paypal_email.
func membersOf(before string, form []byte) (names []string, cells map[string]string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(form))
	if _, err := decoder.Token(); err != nil {
		return nil, nil, err
	}
	cells = make(map[string]string)
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, nil, err
		}
		name := before + fmt.Sprint(token)
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, nil, err
		}
		if raw[0] == '{' {
			inner, values, err := membersOf(name+".", raw)
			if err != nil {
				return nil, nil, err
			}
			names = append(names, inner...)
			maps.Copy(cells, values)
			continue
		}
		names = append(names, name)
		if cells[name], err = cellOf(raw); err != nil {
			return nil, nil, err
		}
	}
	return names, cells, nil
}

// cellOf is a value as a cell. What is missing is an empty one, and several texts have
// blanks between them.
func cellOf(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case 'n': // null
		return "", nil
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return defused(text), err
	case '[':
		var texts []string
		if json.Unmarshal(raw, &texts) == nil {
			return defused(strings.Join(texts, " ")), nil
		}
	}
	return string(raw), nil
}

// defused puts an apostrophe in front of what a spreadsheet would take for a formula.
func defused(text string) string {
	if text == "" || !strings.ContainsRune("=+-@\t\r\n", rune(text[0])) ||
		regexp.MustCompile(`^-[0-9]+(\.[0-9]+)?$`).MatchString(text) {
		return text
	}
	return "'" + text
}
