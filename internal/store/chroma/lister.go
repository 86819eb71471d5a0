package chroma

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"keepsake/internal/record"
)

// lister finds the ids in {"ids":["…",…],…} while it comes in, so that millions
// of them are never in memory twice.
type lister struct {
	r        *bufio.Reader
	text, id []byte
}

// list calls each with the ids of the answer. Other keys are skipped.
func (l *lister) list(each func(id []byte) error) error {
	if err := l.expect('{'); err != nil {
		return err
	}
	found := false
	for {
		key, err := l.str()
		if err == nil {
			err = l.expect(':')
		}
		if err != nil {
			return err
		}
		if string(key) == `"ids"` && !found {
			found = true
			err = l.array(each)
		} else {
			err = l.skip()
		}
		if err != nil {
			return err
		}
		more, err := l.more('}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	if !found {
		return &malformedError{errors.New(`a page without "ids"`)}
	}
	return nil
}

func (l *lister) array(each func(id []byte) error) error {
	if err := l.expect('['); err != nil {
		return err
	}
	if c, err := l.next(); err != nil || c == ']' {
		return err
	}
	if err := l.r.UnreadByte(); err != nil {
		return err
	}
	for {
		text, err := l.str()
		if err != nil {
			return err
		}
		if l.id, err = record.AppendUnquoted(l.id[:0], text); err != nil {
			return &malformedError{err}
		}
		if err := each(l.id); err != nil {
			return err
		}
		if more, err := l.more(']'); err != nil || !more {
			return err
		}
	}
}

// more takes a comma, which is more, or the bracket that ends.
func (l *lister) more(end byte) (bool, error) {
	c, err := l.next()
	if err != nil {
		return false, err
	}
	if c != ',' && c != end {
		return false, unexpected(c)
	}
	return c == ',', nil
}

// str takes a string, with its quotes.
func (l *lister) str() ([]byte, error) {
	if err := l.expect('"'); err != nil {
		return nil, err
	}
	l.text = append(l.text[:0], '"')
	for {
		part, err := l.r.ReadSlice('"')
		l.text = append(l.text, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, cut(err)
		}
		if !escaped(l.text) {
			return l.text, nil
		}
	}
}

// escaped reports whether the quote that ends text is part of the string.
func escaped(text []byte) bool {
	before := text[1 : len(text)-1]
	return (len(before)-len(bytes.TrimRight(before, `\`)))%2 == 1
}

// skip takes a value of any kind: to the comma or bracket that is not its own,
// which it leaves.
func (l *lister) skip() error {
	for depth := 0; ; {
		c, err := l.next()
		if err != nil {
			return err
		}
		switch c {
		case '"':
			if err = l.r.UnreadByte(); err == nil {
				_, err = l.str()
			}
			if err != nil {
				return err
			}
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return l.r.UnreadByte()
			}
			if c != ',' {
				depth--
			}
		}
	}
}

func (l *lister) expect(want byte) error {
	c, err := l.next()
	if err == nil && c != want {
		err = unexpected(c)
	}
	return err
}

// next takes the next byte that is no whitespace.
func (l *lister) next() (byte, error) {
	for {
		c, err := l.r.ReadByte()
		if err != nil {
			return 0, cut(err)
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, nil
		}
	}
}

func unexpected(c byte) error {
	return &malformedError{fmt.Errorf("unexpected %q in a list of ids", c)}
}

// cut turns the end of an answer in its middle into an error that says so.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &malformedError{err}
}
