//go:build bench

package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

const plainBatchRows = 250

// plainImport is done with a tenth of the rows: at all of them the plain way
// takes longer than the rest of the run.
func (b *bench) plainImport(ctx context.Context) error {
	s := b.options.small()
	bundle, err := b.bundleOf(ctx, s)
	if err != nil {
		return err
	}
	ours, err := b.importOurs(ctx, bundle, s)
	if err != nil {
		return err
	}
	plain, err := b.importPlain(ctx, bundle, s)
	if err != nil {
		return err
	}
	b.report.times(fmt.Sprintf("the plain way of import (encoding/json, batches of %d), %s", plainBatchRows, s),
		plain.Wall, ours.Wall, "keepsake with preflight and proof", 0)
	b.report.times("the plain way of import, CPU of the client", plain.CPU, ours.CPU, "keepsake with preflight and proof", 0)
	b.report.sizes("the plain way of import, peak memory", plain.Memory, ours.Memory, "keepsake", 0)
	return bundle.drop()
}

// bundleOf makes a bundle of another size than the run's.
func (b *bench) bundleOf(ctx context.Context, s shape) (*bundle, error) {
	f, err := b.newFilled(ctx, s)
	if err != nil {
		return nil, err
	}
	made, _, err := b.tool.backup(ctx, f)
	return made, errors.Join(err, f.drop())
}

func (b *bench) importOurs(ctx context.Context, bundle *bundle, s shape) (restored, error) {
	l := b.newLive()
	r, err := b.tool.restore(ctx, bundle, servedBy(l.URL()), s.rows, s.rows)
	b.say("merge of %s in %s", s, r)
	return r, errors.Join(err, l.drop())
}

func (b *bench) importPlain(ctx context.Context, bundle *bundle, s shape) (outcome, error) {
	l := b.newLive()
	o, err := measureSelf(ctx, "plain-import", l.URL(), bundle.payload)
	b.say("plain import of %s in %s, peak %s", s, seconds(o.Wall), mebibytes(o.Memory))
	if err == nil {
		err = l.expectAll(ctx, s.rows)
	}
	return o, errors.Join(err, l.drop())
}

// expectAll is expect for a collection that somebody else made.
func (c *client) expectAll(ctx context.Context, rows int) error {
	id, err := c.find(ctx)
	if err != nil {
		return err
	}
	return c.expect(ctx, id, rows)
}

// plainImportRole imports a file as one writes it at first: all of it in
// memory, batches of 250 one after the other, vectors as JSON numbers.
// Arguments: server, file.
func plainImportRole(args []string, _ io.Writer) error {
	ctx := context.Background()
	rows, err := plainRows(args[1])
	if err != nil {
		return err
	}
	c := newClient(args[0])
	id, err := c.create(ctx)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(rows, plainBatchRows) {
		body, err := json.Marshal(newPlainPage(batch))
		if err != nil {
			return fmt.Errorf("marshal batch: %w", err)
		}
		if err := c.post(ctx, "/"+id+"/add", body, discard); err != nil {
			return err
		}
	}
	return nil
}

func plainRows(file string) ([]plainRow, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	var rows []plainRow
	for line := range bytes.Lines(text) {
		var row plainRow
		if err := json.Unmarshal(line, &row); err != nil {
			return nil, fmt.Errorf("read row %d: %w", len(rows)+1, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func newPlainPage(rows []plainRow) plainPage {
	var p plainPage
	for _, r := range rows {
		p.IDs = append(p.IDs, r.ID)
		p.Embeddings = append(p.Embeddings, r.Embedding)
		p.Metadatas = append(p.Metadatas, r.Metadata)
		p.Documents = append(p.Documents, r.Document)
	}
	return p
}
