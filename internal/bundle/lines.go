package bundle

import (
	"bytes"
	"errors"
	"io"
)

// lineReader cuts a stream into lines without copying them.
type lineReader struct {
	r          io.Reader
	max        int64 // bytes of the longest line
	buf        []byte
	start, end int   // what of buf is still to be read
	content    int64 // bytes read
	torn       bool  // the last line had no newline
	err        error // what ended r
}

// next returns the next line, valid until the next call; io.EOF after the last.
// A last line without its newline is a line, and torn is then true.
func (l *lineReader) next() ([]byte, error) {
	looked := l.start
	for {
		if i := bytes.IndexByte(l.buf[looked:l.end], '\n'); i >= 0 {
			line := l.buf[l.start : looked+i]
			l.start = looked + i + 1
			if int64(len(line)) > l.max {
				return nil, errLineTooLong
			}
			return line, nil
		}
		if l.err != nil {
			return l.last()
		}
		if int64(l.end-l.start) > l.max {
			return nil, errLineTooLong
		}
		l.makeRoom()
		looked = l.end
		var n int
		n, l.err = l.r.Read(l.buf[l.end:])
		l.end += n
		l.content += int64(n)
	}
}

func (l *lineReader) last() ([]byte, error) {
	line := l.buf[l.start:l.end]
	l.start = l.end
	if !errors.Is(l.err, io.EOF) || len(line) == 0 {
		return nil, l.err
	}
	l.torn = true
	return line, nil
}

// makeRoom moves the unread bytes to the front, and doubles a full buffer.
func (l *lineReader) makeRoom() {
	if l.start > 0 {
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	if l.end == len(l.buf) {
		bigger := make([]byte, max(2*len(l.buf), 4096))
		copy(bigger, l.buf)
		l.buf = bigger
	}
}

// isBlank reports whether there is nothing but whitespace in a line.
func isBlank(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }
