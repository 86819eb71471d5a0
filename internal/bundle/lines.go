package bundle

import (
	"bytes"
	"errors"
	"io"
)

// lineReader cuts blocks into lines. A line that lies in one block is not
// copied.
type lineReader struct {
	next  func() ([]byte, error) // the next block, valid until the next call
	max   int64                  // bytes of the longest line
	block []byte                 // what is left of it
	carry []byte                 // the beginning of a line, from earlier blocks
	torn  bool                   // the last line had no newline
	err   error                  // what ended the blocks
}

// line returns the next line, valid until the next call; io.EOF after the last.
// A last line without its newline is a line, and torn is then true. After
// another error there is no next line.
func (l *lineReader) line() ([]byte, error) {
	if i := bytes.IndexByte(l.block, '\n'); i >= 0 {
		line := l.block[:i]
		l.block = l.block[i+1:]
		return l.bounded(line)
	}
	l.carry = append(l.carry[:0], l.block...)
	for l.err == nil {
		if l.block, l.err = l.next(); l.err != nil {
			break
		}
		if i := bytes.IndexByte(l.block, '\n'); i >= 0 {
			l.carry = append(l.carry, l.block[:i]...)
			l.block = l.block[i+1:]
			return l.bounded(l.carry)
		}
		l.carry = append(l.carry, l.block...)
		if _, err := l.bounded(l.carry); err != nil {
			return nil, err
		}
	}
	l.block = nil
	if !errors.Is(l.err, io.EOF) || len(l.carry) == 0 {
		return nil, l.err
	}
	l.torn = true
	return l.bounded(l.carry)
}

func (l *lineReader) bounded(line []byte) ([]byte, error) {
	if int64(len(line)) > l.max {
		return nil, errLineTooLong
	}
	return line, nil
}

// isBlank reports whether there is nothing but whitespace in a line.
func isBlank(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }
