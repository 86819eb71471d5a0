//go:build bench

package bench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const plainPageRows = 2000

// plainRow is a row as the plain way holds it, and plainPage is a page of them.
type plainRow struct {
	ID        string         `json:"id"`
	Embedding []float32      `json:"embedding"`
	Metadata  map[string]any `json:"metadata"`
	Document  *string        `json:"document"`
}

type plainPage struct {
	IDs        []string         `json:"ids"`
	Embeddings [][]float32      `json:"embeddings"`
	Metadatas  []map[string]any `json:"metadatas"`
	Documents  []*string        `json:"documents"`
}

func (b *bench) plainBackup(ctx context.Context) error {
	full, err := b.source(ctx)
	if err != nil {
		return err
	}
	ours, err := b.backupRound(ctx, full)
	if err != nil {
		return err
	}
	file := filepath.Join(b.tool.scratch, "plain.jsonl")
	defer func() { _ = os.Remove(file) }() // it lies in the run's scratch folder
	plain, err := measureSelf(ctx, "plain-backup", full.URL(), file)
	if err != nil {
		return err
	}
	b.say("plain backup in %s, CPU %s, peak %s", seconds(plain.Wall), seconds(plain.CPU), mebibytes(plain.Memory))
	if rows, _, err := countLines(file); err != nil {
		return err
	} else if rows != full.rows {
		return fmt.Errorf("the plain backup has %d rows, want %d", rows, full.rows)
	}
	b.report.times("the plain way of backup (offset pages, encoding/json, no checks)", plain.Wall, ours.backup.Wall, "keepsake", 0)
	b.report.times("the plain way of backup, CPU", plain.CPU, ours.backup.CPU, "keepsake", 0)
	b.report.sizes("the plain way of backup, peak memory", plain.Memory, ours.backup.Memory, "keepsake", 0)
	return nil
}

// plainBackupRole exports a collection as one writes it at first: pages by
// offset, decoded and encoded by encoding/json. Arguments: server, file.
func plainBackupRole(args []string, _ io.Writer) error {
	ctx := context.Background()
	c := newClient(args[0])
	id, err := c.find(ctx)
	if err != nil {
		return err
	}
	f, err := os.Create(args[1])
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for offset := 0; ; {
		n, err := c.plainPage(ctx, id, offset, json.NewEncoder(w))
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		offset += n
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return f.Close()
}

func (c *client) plainPage(ctx context.Context, id string, offset int, enc *json.Encoder) (rows int, err error) {
	body := fmt.Appendf(nil, `{"include":["embeddings","metadatas","documents"],"limit":%d,"offset":%d}`, plainPageRows, offset)
	var page plainPage
	if err := c.post(ctx, "/"+id+"/get", body, decodeInto(&page)); err != nil {
		return 0, fmt.Errorf("get page at %d: %w", offset, err)
	}
	for i := range page.IDs {
		row := plainRow{page.IDs[i], page.Embeddings[i], page.Metadatas[i], page.Documents[i]}
		if err := enc.Encode(row); err != nil {
			return 0, fmt.Errorf("write row: %w", err)
		}
	}
	return len(page.IDs), nil
}
