package httpapi

import (
	"bufio"
	"io"
	"iter"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/refgrow-go/refgrow/internal/wire"
)

// streamed is how much of a long answer is made before its first byte is sent. A
// failure until then is answered like any other.
const streamed = 64 << 10

// pageWithin is how long a client may take to accept a part of a long answer, whatever
// bound the server has for answers as a whole.
const pageWithin = 30 * time.Second

// A started writer sends the head of an answer before the first part of its body.
type started struct {
	http.ResponseWriter

	done     answer
	bodiless bool // for a HEAD
	begun    bool
}

func (s *started) Write(b []byte) (int, error) {
	// A writer without deadlines needs none.
	now := time.Now() //nolint:forbidigo // the network's deadlines are of real time
	_ = http.NewResponseController(s.ResponseWriter).SetWriteDeadline(now.Add(pageWithin))
	if !s.begun {
		s.begun = true
		h := s.Header()
		h.Set("Content-Type", "application/json")
		maps.Copy(h, s.done.header)
		s.WriteHeader(s.done.status)
	}
	if s.bodiless {
		return len(b), nil
	}
	return s.ResponseWriter.Write(b)
}

// stream writes an answer in pages, in bounded memory. One that breaks off after its
// first byte ends the connection without its end, so that nobody takes it for whole.
func (a *api) stream(w http.ResponseWriter, r *http.Request, id, pattern string, done answer) {
	to := &started{ResponseWriter: w, done: done, bodiless: r.Method == http.MethodHead}
	out := bufio.NewWriterSize(to, streamed)
	// A writer of CSV would take the buffer for its own, and flush it.
	err := done.pages(struct{ io.Writer }{out})
	switch {
	case err == nil && !to.begun: // it is not long at all
		w.Header().Set("Content-Length", strconv.Itoa(out.Buffered()))
		_ = out.Flush()
	case err == nil:
		_ = out.Flush() // a client that is gone needs no answer
	case !to.begun:
		a.fail(w, r, id, pattern, err)
	default:
		if r.Context().Err() == nil {
			a.logger.ErrorContext(r.Context(), "an answer broke off",
				"request_id", id, "method", r.Method, "route", pattern, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
}

// csvPages is csvFile for a file that is written in pages.
func csvPages(name string, pages func(io.Writer) error) answer {
	file := csvFile(name, nil)
	file.pages = pages
	return file
}

// writeList writes b and a list after it, thing by thing. It returns what is still to be
// written.
func writeList[T any](
	w io.Writer, b []byte, things iter.Seq2[T, error], show func(*wire.Object, *T),
) ([]byte, error) {
	b = append(b, '[')
	some := false
	for thing, err := range things {
		if err != nil {
			return nil, err
		}
		if some {
			b = append(b, ',')
		}
		some = true
		item := wire.Begin(b)
		show(&item, &thing)
		if _, err := w.Write(item.End()); err != nil {
			return nil, err
		}
		b = item.B[:0]
	}
	return append(b, ']'), nil
}
