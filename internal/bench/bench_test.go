//go:build bench

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	played, err := playRole(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, os.Args[1]+":", err)
		os.Exit(1)
	}
	if !played {
		os.Exit(m.Run())
	}
}

// part measures one thing. It fails on a wrong result only.
type part struct {
	name string
	run  func(*bench, context.Context) error
}

// parts lists them in the order in which they are run and printed.
func parts() []part {
	return []part{
		{"fill", (*bench).fill},
		{"read", (*bench).read},
		{"backup", (*bench).backup},
		{"directory", (*bench).directory},
		{"plain-backup", (*bench).plainBackup},
		{"verify", (*bench).verify},
		{"merge", (*bench).merge},
		{"again", (*bench).again},
		{"replace", (*bench).replace},
		{"plain-import", (*bench).plainImport},
		{"wide", (*bench).wide},
		{"graph", (*bench).graph},
		{"shelf", (*bench).shelf},
	}
}

func TestBench(t *testing.T) {
	o, err := optionsFromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, options: o, report: &report{}, began: time.Now()}
	b.say("building keepsake")
	if b.tool, err = buildTool(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(b.close(), b.report.write(os.Stdout, o)); err != nil {
			t.Error(err)
		}
	}()
	for _, p := range parts() {
		if !o.wants(p.name) {
			continue
		}
		b.say("part %s", p.name)
		if err := p.run(b, t.Context()); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}

// bench is one run. What several parts need is made when the first one asks.
type bench struct {
	t       *testing.T
	options options
	report  *report
	began   time.Time
	tool    *tool

	full   *filled // all rows, posted by us
	bundle *bundle // a backup of full
	merged *merged // bundle put into a fresh server
}

// source returns the server that holds all rows.
func (b *bench) source(ctx context.Context) (*filled, error) {
	if b.full != nil {
		return b.full, nil
	}
	full, err := b.newFilled(ctx, b.options.shape)
	if err != nil {
		return nil, err
	}
	b.full = full
	return full, nil
}

// backedUp returns a bundle of all rows.
func (b *bench) backedUp(ctx context.Context) (*bundle, error) {
	if b.bundle != nil {
		return b.bundle, nil
	}
	full, err := b.source(ctx)
	if err != nil {
		return nil, err
	}
	made, _, err := b.tool.backup(ctx, full)
	if err != nil {
		return nil, err
	}
	b.bundle = made
	return made, nil
}

func (b *bench) close() error {
	var errs []error
	if b.full != nil {
		errs = append(errs, b.full.drop())
	}
	if b.merged != nil {
		errs = append(errs, b.merged.drop())
	}
	if b.bundle != nil {
		errs = append(errs, b.bundle.drop())
	}
	return errors.Join(errs...)
}

// say tells on stderr where the run is.
func (b *bench) say(format string, args ...any) {
	at := time.Since(b.began).Round(time.Second)
	fmt.Fprintf(os.Stderr, "bench %6s  %s\n", at, fmt.Sprintf(format, args...))
}
