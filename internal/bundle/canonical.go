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
	page    record.Page
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

// vector reads a row as a page of one.
func (c *canoniser) vector(line []byte) ([]byte, error) {
	v, err := c.scanner.Vector(line)
	if err != nil {
		return nil, err
	}
	c.page.Embeddings = append(c.page.Embeddings[:0], v.Embedding)
	return c.print(line, v)
}

func (c *canoniser) print(line []byte, v *record.Vector) (row []byte, err error) {
	c.page.IDs = append(c.page.IDs[:0], v.ID)
	c.page.Metadatas, c.page.Documents = c.page.Metadatas[:0], c.page.Documents[:0]
	if !v.Metadata.Empty() {
		c.page.Metadatas = append(c.page.Metadatas, v.Metadata)
	}
	if !v.Document.Empty() {
		c.page.Documents = append(c.page.Documents, v.Document)
	}
	c.out, err = c.scanner.AppendLine(c.out[:0], line, &c.page, 0)
	return c.out, err
}

// confirm refuses a row that isn't printed as canonical ones are. The embedding,
// most of the row, is looked at where it stands; the rest is printed anew.
func (c *canoniser) confirm(line []byte, v *record.Vector) error {
	const null = "null"
	c.page.Embeddings = c.page.Embeddings[:0]
	want, err := c.print(line, v)
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
