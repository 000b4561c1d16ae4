package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// output is where results go. It remembers the first error, because a result
// that nobody got is a failure.
type output struct {
	to    io.Writer
	width int // of the terminal; 0 where it is none
	err   error
}

func (o *output) Write(text []byte) (int, error) {
	n, err := o.to.Write(text)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

func (o *output) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(o, format, args...)
	return err
}

// json prints one value, indented.
func (o *output) json(value any) error {
	encoder := json.NewEncoder(o)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// stamp is a time as the REST API shows it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func optionalStamp(t *time.Time) *string {
	if t == nil {
		return nil
	}
	return new(stamp(*t))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// tell writes what is not a result. If that fails, there is nobody left to tell.
func tell(stderr io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(stderr, format, args...)
}

// progress shows on a terminal that long work goes on, and how long it has taken so
// far. The caller calls stop when it is over.
func progress(stderr io.Writer, doing string) (stop func()) {
	if !terminal(stderr) {
		return func() {}
	}
	const every = time.Second // short work shows nothing
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for passed := every; ; passed += every {
			select {
			case <-ticker.C:
				tell(stderr, "\r%s: %s ", doing, passed)
			case <-over:
				if passed > every {
					tell(stderr, "\r%*s\r", len(doing)+20, "")
				}
				return
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
