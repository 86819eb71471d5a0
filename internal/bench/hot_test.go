//go:build bench

package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store/chromadir"
)

const (
	// stallBound: how long a server's answer may take while its directory is read,
	// in copies of its database.
	stallBound = 1.5
	// usually is how long the writer is watched before anything else happens.
	usually = 3 * time.Second
)

// hotLook is one look at a directory whose server is written to, and a backup.
type hotLook struct {
	usual   time.Duration // the slowest answer before
	copying time.Duration // of the database, by cp, while the writer goes on
	slowest time.Duration // answer while the directory was read
	answers int           // that came meanwhile
	held    time.Duration // the lock
	later   time.Duration // the slowest answer during a whole backup
	backup  outcome
}

// ratio is what is bound: a write waits for a copy, and for what it usually does.
func (h hotLook) ratio() float64 { return h.slowest.Seconds() / (h.copying + h.usual).Seconds() }

// hot reads the directory while single rows are upserted all along, each as it is,
// so that the bundle must still be the same.
func (b *bench) hot(ctx context.Context, f *filled) error {
	looks := make([]hotLook, rounds)
	for i := range looks {
		var err error
		if looks[i], err = b.hotLook(ctx, f); err != nil {
			return err
		}
		h := looks[i]
		b.say("hot: slowest answer %s of %d, usually %s; cp %s, lock held %s; %s during a backup of %s", millis(h.slowest),
			h.answers, millis(h.usual), millis(h.copying), millis(h.held), millis(h.later), seconds(h.backup.Wall))
	}
	h := median(looks, hotLook.ratio)
	b.report.millis("directory read hot, the slowest of "+count(h.answers)+" upserts meanwhile", h.slowest, h.copying+h.usual,
		"cp of chroma.sqlite3, "+millis(h.copying)+", and the slowest upsert before, "+millis(h.usual), stallBound)
	b.report.millis("directory read hot, that upsert less the slowest before", max(0, h.slowest-h.usual), h.copying, "that cp alone", stallBound)
	b.report.millis("directory read hot, the lock was held", h.held, h.copying, "that cp", 0)
	b.report.millis("backup from the directory, hot, the slowest upsert until its end", h.later, h.usual, "the slowest before", 0)
	return f.expect(ctx, f.id, f.rows)
}

func (b *bench) hotLook(ctx context.Context, f *filled) (h hotLook, err error) {
	w := startWriter(ctx, f)
	defer func() {
		if failed := w.stop(); failed != nil {
			err = failed
		}
	}()
	time.Sleep(usually)
	h.usual, _ = w.slowest()
	if h.copying, err = copyOf(ctx, filepath.Join(f.Dir(), "chroma.sqlite3"), filepath.Join(b.tool.scratch, "copy.sqlite3")); err != nil {
		return h, err
	}
	w.slowest() // from here on
	looked, err := measureSelf(ctx, "look", f.Dir(), b.tool.scratch)
	if err != nil {
		return h, err
	}
	h.slowest, h.answers = w.slowest()
	if err := json.Unmarshal(looked.Stdout, &h.held); err != nil {
		return h, fmt.Errorf("read what was held: %w", err)
	}
	h.backup, err = b.fromDirectory(ctx, f)
	h.later, _ = w.slowest()
	return h, err
}

// copyOf says how long cp takes, which holds no lock.
func copyOf(ctx context.Context, from, to string) (time.Duration, error) {
	defer func() { _ = os.Remove(to) }() // it lies in the run's scratch folder
	start := time.Now()
	if text, err := exec.CommandContext(ctx, "cp", from, to).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("cp: %w: %s", err, text)
	}
	return time.Since(start), nil
}

// lookRole opens a directory as a backup does and prints how long the lock was held,
// in nanoseconds. Arguments: the directory, a folder for the copies.
func lookRole(args []string, w io.Writer) error {
	dir := chromadir.New(chromadir.Config{
		Path: args[0], TempDir: args[1], Now: time.Now, Collections: map[memory.Section]string{memory.Memories: collection},
	})
	session, err := dir.Open(context.Background(), []memory.Section{memory.Memories})
	if err != nil {
		return err
	}
	defer session.Close()
	s, ok := session.(*chromadir.Session)
	if !ok {
		return fmt.Errorf("the session is a %T", session)
	}
	return json.NewEncoder(w).Encode(s.Held())
}

// writer upserts rows, one at a time and as they are.
type writer struct {
	cancel context.CancelFunc
	err    error

	mu       sync.Mutex
	answered sync.Cond
	ended    bool
	total    int
	most     time.Duration // since it was asked last
	n        int
}

func startWriter(ctx context.Context, f *filled) *writer {
	ctx, cancel := context.WithCancel(ctx)
	w := &writer{cancel: cancel}
	w.answered.L = &w.mu
	go func() {
		err := w.write(ctx, f)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.err, w.ended = err, true
		w.answered.Broadcast()
	}()
	return w
}

func (w *writer) write(ctx context.Context, f *filled) error {
	g := newGenerator(f.shape)
	for row := 0; ; row = (row + 1) % f.rows {
		body := g.body(row, row+1)
		start := time.Now()
		err := f.client.post(ctx, "/"+f.id+"/upsert", body, discard)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("upsert: %w", err)
		}
		w.mu.Lock()
		w.most = max(w.most, time.Since(start))
		w.n++
		w.total++
		w.mu.Unlock()
		w.answered.Broadcast()
	}
}

// slowest waits for the answer that is under way, and returns the slowest since it
// was called last, and how many came.
func (w *writer) slowest() (most time.Duration, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for seen := w.total; w.total == seen && !w.ended; {
		w.answered.Wait()
	}
	most, n, w.most, w.n = w.most, w.n, 0, 0
	return most, n
}

func (w *writer) stop() error {
	w.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.ended {
		w.answered.Wait()
	}
	return w.err
}
