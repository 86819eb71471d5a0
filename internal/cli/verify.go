package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"keepsake/internal/catalog"

	"github.com/spf13/cobra"

	"keepsake/internal/bundle"
	"keepsake/internal/keeper"
	"keepsake/internal/quantity"
)

func (a *app) verifyCommand() *cobra.Command {
	var level, to string
	var all bool
	cmd := &cobra.Command{
		Use:   "verify BUNDLE... | --all",
		Short: "Check bundles: hashes, and every row",
		Long: `Reads a bundle and reports everything that is wrong with it, each with file and
line. quick compares hashes; full also scans every row; restore is a drill: it
restores the bundle into a temporary folder, reads everything back, and compares
every record. With --to the vectors go into a scratch database of a Chroma, are
searched there, and taken away again.

A bundle that is what it was made as is ok, also where it was made without
something: what it is known to lack is named.`,
		Example: `  keepsake verify latest
  keepsake verify --all --level quick
  keepsake verify latest --level restore
  keepsake verify latest --level restore \
    --to chroma:http://localhost:9000/default_tenant/scratch`,
		GroupID: "main",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verify(cmd.Context(), args, verifyFlags{level, all, to})
		},
	}
	cmd.Flags().StringVar(&level, "level", "full", "how much to check: quick, full, restore")
	cmd.Flags().BoolVar(&all, "all", false, "verify every bundle in the backup root")
	a.latestFlags(cmd.Flags())
	cmd.Flags().StringVar(&to, "to", "", "with --level restore: the scratch database, a `STORE`, that the vectors go into")
	return cmd
}

type verifyFlags struct {
	level string
	all   bool
	to    string
}

func (f verifyFlags) check(names []string) (bundle.Level, error) {
	levels := map[string]bundle.Level{"quick": bundle.Quick, "full": bundle.Full, "restore": catalog.Drill}
	l, ok := levels[f.level]
	switch {
	case !ok:
		return l, usage(fmt.Errorf("--level %q is none of quick, full, restore", f.level))
	case f.to != "" && l != catalog.Drill:
		return l, usage(errors.New("--to goes with --level restore only"))
	case f.all == (len(names) > 0):
		return l, usage(errors.New("name bundles, or say --all"))
	}
	return l, nil
}

func (a *app) verify(ctx context.Context, names []string, f verifyFlags) error {
	level, err := f.check(names)
	if err != nil {
		return err
	}
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	defer m.Close()
	bundles, err := m.Bundles(ctx, names, f.all)
	if err != nil {
		return err
	}
	out := []keeper.Verified{}
	for _, b := range bundles {
		v, err := m.Verify(ctx, b, level, f.to)
		if v.Bundle != "" {
			err = errors.Join(err, a.printVerified(v))
		}
		if err != nil {
			return err
		}
		out = append(out, v)
	}
	if a.flags.asJSON {
		if err := a.printJSON(map[string]any{"bundles": out}); err != nil {
			return err
		}
	}
	return endVerify(out)
}

func endVerify(all []keeper.Verified) error {
	bad := 0
	for _, v := range all {
		if !v.OK {
			bad++
		}
	}
	switch {
	case len(all) == 0:
		return fail(keeper.NotFound, "", errors.New("there is no bundle to verify"))
	case bad > 0:
		return fail(keeper.NotVerified, "bad-bundles", fmt.Errorf("%d of %s do not verify", bad, quantity.Plural(int64(len(all)), "bundle")))
	}
	return nil
}

func (a *app) printVerified(v keeper.Verified) error {
	a.printFindings(v.Findings)
	word, restored := "ok", ""
	if !v.OK {
		word = "DOES NOT VERIFY"
	} else if len(v.Lacks) > 0 {
		word = "ok, but it lacks " + bundle.Name(v.Lacks)
	}
	if v.Drill != nil {
		restored = fmt.Sprintf(", restored in %.1f s", v.Drill.Seconds)
	}
	a.say("%s  %s rows, %s%s: %s\n", v.Bundle, quantity.Count(v.Rows), quantity.Size(v.Bytes), restored, word)
	if a.flags.quiet || a.flags.asJSON || v.Drill == nil || len(v.Drill.Sections) == 0 {
		return nil
	}
	t := &table{header: []string{"section", "rows", "compared by"}, right: map[int]bool{1: true, 3: true}, indent: "  "}
	if v.Drill.Recall != nil {
		t.header = append(t.header, "recall@10")
	}
	for _, s := range v.Drill.Sections {
		by := "digests"
		if s.Compared == 0 && s.Rows > 0 { // a server's vectors may differ in their last bits
			by = "reading back"
		}
		t.add([]string{string(s.Name), quantity.Count(s.Rows), by, percent(s.Recall)}[:len(t.header)]...)
	}
	return t.write(a.Stdout)
}

func percent(share *float64) string {
	if share == nil {
		return ""
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100**share), ".0") + " %"
}
