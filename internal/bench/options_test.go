//go:build bench

package bench_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// shape is how much of what a collection holds.
type shape struct {
	rows, dim int
}

func (s shape) String() string { return count(s.rows) + " × " + count(s.dim) }

// options say how large the run is, and which parts of it are wanted.
type options struct {
	shape

	elements int
	only     []string // none is all
}

func optionsFromEnvironment() (options, error) {
	var o options
	for _, v := range []struct {
		name    string
		into    *int
		without int
	}{
		{"KEEPSAKE_BENCH_ROWS", &o.rows, 50_000},
		{"KEEPSAKE_BENCH_DIM", &o.dim, 1024},
		{"KEEPSAKE_BENCH_GRAPH", &o.elements, 300_000},
	} {
		*v.into = v.without
		text := os.Getenv(v.name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 10 {
			return o, fmt.Errorf("%s=%q is no number from 10 up", v.name, text)
		}
		*v.into = n
	}
	if only := os.Getenv("KEEPSAKE_BENCH_ONLY"); only != "" {
		o.only = strings.Split(only, ",")
	}
	return o, o.checkParts()
}

func (o options) checkParts() error {
	for _, name := range o.only {
		if !slices.ContainsFunc(parts(), func(p part) bool { return p.name == name }) {
			return fmt.Errorf("KEEPSAKE_BENCH_ONLY: there is no part %q", name)
		}
	}
	return nil
}

func (o options) wants(part string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, part)
}

// wide is the shape of the same size at four times the dimension.
func (o options) wide() shape { return shape{rows: max(o.rows/4, 1), dim: o.dim * 4} }

// small is for what takes too long to be done with all rows.
func (o options) small() shape { return shape{rows: max(o.rows/10, 1), dim: o.dim} }
