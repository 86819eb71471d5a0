package bundle

import (
	"bytes"
	"errors"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// canoniser prints rows of others in canonical form.
type canoniser struct {
	scanner record.Scanner
	out     []byte
}

// row returns the row in canonical form, nil for a blank line of a flat file.
func (c *canoniser) row(kind memory.Kind, line []byte) (row []byte, err error) {
	switch kind {
	case memory.Vectors:
		return c.vector(line)
	case memory.Elements:
		c.out, err = record.AppendCompact(c.out[:0], line)
		return c.out, err
	}
	if json, err := c.scanner.Line(line); err != nil || json || !isBlank(line) {
		return line, err
	}
	return nil, nil
}

func (c *canoniser) vector(line []byte) ([]byte, error) {
	v, err := c.scanner.Vector(line)
	if err != nil {
		return nil, err
	}
	return c.print(line, v, v.Embedding)
}

func (c *canoniser) print(line []byte, v *record.Vector, embedding record.Span) (row []byte, err error) {
	c.out, err = c.scanner.AppendLine(c.out[:0], line, record.Row{
		ID: v.ID, Embedding: embedding, Metadata: v.Metadata, Document: v.Document,
	})
	return c.out, err
}

// confirm refuses a row that isn't printed as canonical ones are. The embedding,
// most of the row, is looked at where it stands; the rest is printed anew.
func (c *canoniser) confirm(line []byte, v *record.Vector) error {
	const null = "null"
	want, err := c.print(line, v, record.Span{})
	if err != nil {
		return err
	}
	head := len(`{"id":,"embedding":`) + v.ID.End - v.ID.Start
	tail := want[head+len(null):]
	embedding := v.Embedding.Of(line)
	if v.Embedding.Start != head || !bytes.Equal(line[:head], want[:head]) ||
		!bytes.Equal(line[v.Embedding.End:], tail) || holdsSpace(embedding) {
		return errNotCanonical
	}
	return nil
}

var errNotCanonical = errors.New("is not canonical: want the keys id, embedding, metadata, document, sorted metadata, and no space between them")

// holdsSpace reports whether there is whitespace in an array of numbers, line
// breaks aside. Each search alone goes through many bytes at a time.
func holdsSpace(array []byte) bool {
	return bytes.IndexByte(array, ' ') >= 0 || bytes.IndexByte(array, '\t') >= 0 || bytes.IndexByte(array, '\r') >= 0
}
