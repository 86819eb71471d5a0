package restore_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// confirmed returns a desk whose operator has a token.
func confirmed(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	if err := d.token(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// untouchedDesk wants the old files, and no others.
func (d *desk) untouched(t *testing.T) {
	t.Helper()
	if got := d.holds(t); !maps.Equal(got, oldFiles()) {
		t.Errorf("got %q, want the old files %q", got, oldFiles())
	}
}

// TestReplaceInOrder: leave, the safety bundle, all sections staged and checked,
// and only then the first is committed.
func TestReplaceInOrder(t *testing.T) {
	d := confirmed(t)
	var steps []string
	d.before = func(step string) {
		if step != "clock" {
			steps = append(steps, step)
		}
	}
	r, err := d.replace(t.Context())
	if err != nil || !r.Complete {
		t.Fatalf("got %v, %v", r, err)
	}
	want := []string{
		"safety", "safety is made", "stage concepts/edges", "check concepts/edges", "stage concepts/nodes", "check concepts/nodes",
		"commit concepts/edges", "committed concepts/edges", "commit concepts/nodes", "committed concepts/nodes",
	}
	if !slices.Equal(steps, want) {
		t.Errorf("got  %q\nwant %q", steps, want)
	}
	if got := d.holds(t); !maps.Equal(got, newFiles()) {
		t.Errorf("got %q, want %q", got, newFiles())
	}
	if r.Safety == "" || r.Mode != restore.ModeReplace || r.Sections[1].Replaced.Lost != 1 || r.Sections[1].Replaced.Changed != 1 {
		t.Errorf("got receipt %+v, %+v", r, r.Sections[1].Replaced)
	}
}

// TestNothingChangesBeforeAllIsStaged: whatever fails before the first commit
// leaves every file as it was.
func TestNothingChangesBeforeAllIsStaged(t *testing.T) {
	broken := errors.New("broken")
	for name, breaks := range map[string]func(d *desk, opts *restore.Options){
		"Safety": func(_ *desk, opts *restore.Options) {
			opts.Replace.Safety = func(context.Context, restore.Saving) (*bundle.Bundle, error) { return nil, broken }
		},
		"SafetyDamaged": func(_ *desk, opts *restore.Options) {
			whole := opts.Replace.Safety
			opts.Replace.Safety = func(ctx context.Context, want restore.Saving) (*bundle.Bundle, error) {
				b, err := whole(ctx, want)
				if err == nil {
					err = cutShort(b.Path())
				}
				return b, err
			}
		},
		"SafetyWithoutASection": func(_ *desk, opts *restore.Options) {
			whole := opts.Replace.Safety
			opts.Replace.Safety = func(ctx context.Context, want restore.Saving) (*bundle.Bundle, error) {
				want.Live = want.Live[:1]
				return whole(ctx, want)
			}
		},
		"Stage": func(d *desk, opts *restore.Options) {
			opts.Targets[0].Store = failing{d.files(), nodes, broken, nil}
		},
		"Check": func(d *desk, opts *restore.Options) {
			opts.Targets[0].Store = failing{d.files(), nodes, nil, broken}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := confirmed(t)
			opts, err := d.options()
			if err != nil {
				t.Fatal(err)
			}
			breaks(d, &opts)
			r, err := d.run(t, opts)
			if err == nil || r.Complete {
				t.Errorf("got %v, complete %v, want an error", err, r.Complete)
			}
			d.untouched(t)
			d.before = nil
			if _, err := d.replace(t.Context()); err != nil {
				t.Errorf("the same command again: %v", err)
			}
		})
	}
}

// run carries a replace out with the options, and the operator's token.
func (d *desk) run(t *testing.T, opts restore.Options) (*restore.Receipt, error) {
	t.Helper()
	text, err := os.ReadFile(d.at("token"))
	if err != nil {
		t.Fatal(err)
	}
	if opts.Replace.Token, err = guard.ParseToken(string(text)); err != nil {
		t.Fatal(err)
	}
	plan, err := restore.Preflight(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Refusal(); err != nil {
		t.Fatal(err)
	}
	return restore.Run(t.Context(), plan, filepath.Join(d.at("restores"), "first"))
}

// cutShort cuts the last byte off the first payload of a bundle.
func cutShort(path string) error {
	files, err := filepath.Glob(filepath.Join(path, "concepts", "*.jsonl"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, errors.New("no payload"))
	}
	if err := os.Chmod(files[0], 0o600); err != nil {
		return err
	}
	info, err := os.Stat(files[0])
	if err != nil {
		return err
	}
	return os.Truncate(files[0], info.Size()-1)
}

// TestMovedMeanwhile: what an agent writes between the safety bundle and the
// commit is in a second safety bundle, and so is what was committed by then.
func TestMovedMeanwhile(t *testing.T) {
	d := confirmed(t)
	moved := false
	d.before = func(step string) {
		if step == "commit concepts/nodes" && !moved {
			moved = true
			files := oldFiles()
			files[nodes] += "{\"id\":\"late\"}\n"
			d.write(t, map[memory.Section]string{nodes: files[nodes]})
		}
	}
	r, err := d.replace(t.Context())
	if err != nil || !r.Complete {
		t.Fatalf("got %v", err)
	}
	b, err := bundle.Open(r.Safety, bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := oldFiles()
	want[nodes] += "{\"id\":\"late\"}\n"
	held := map[memory.Section]string{}
	for _, spec := range b.Sections() {
		for rec, err := range b.Records(t.Context(), spec.Name) {
			if err != nil {
				t.Fatal(err)
			}
			held[spec.Name] += string(rec) + "\n"
		}
	}
	if !maps.Equal(held, want) {
		t.Errorf("got a safety bundle with %q, want all that was there, %q", held, want)
	}
}

// TestAlwaysMoving: a section that never stands still is kept, and the plan isn't
// in the way of anything.
func TestAlwaysMoving(t *testing.T) {
	d := confirmed(t)
	opts, err := d.options()
	if err != nil {
		t.Fatal(err)
	}
	opts.Targets[0].Store = failing{d.files(), edges, nil, nil}
	_, err = d.run(t, opts)
	if !errors.Is(err, store.ErrMoved) {
		t.Fatalf("got %v, want ErrMoved", err)
	}
	d.untouched(t)
	pending, err := restore.FindUnfinished(d.at("restores"))
	if err != nil || len(pending) != 1 || pending[0].Swapping() {
		t.Errorf("got %d unfinished plans, %v, want one that has changed nothing", len(pending), err)
	}
	if err := pending[0].Abandon(opts.Clock); err != nil {
		t.Fatal(err)
	}
	if pending, err := restore.FindUnfinished(d.at("restores")); err != nil || len(pending) != 0 {
		t.Errorf("got %d unfinished plans, %v, want none", len(pending), err)
	}
}

// TestReplaceRefuses: every ground there is, all of them at once, in the order in
// which the first decides; and nothing is written, not even a plan.
func TestReplaceRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ground restore.Ground
		codes  []string
		change func(t *testing.T, d *desk, opts *restore.Options)
	}{
		{"NotEmpty", restore.GroundNotEmpty, []string{"not-empty", "not-empty"}, func(_ *testing.T, _ *desk, opts *restore.Options) {
			opts.Replace.Force = false
		}},
		// More would be lost than the token is for.
		{"Shrink", restore.GroundShrink, []string{"shrink", "guard", "guard"}, func(t *testing.T, d *desk, opts *restore.Options) {
			opts.Replace.AcceptShrink = false
			d.write(t, map[memory.Section]string{nodes: "{\"id\":\"1\"}\n{\"id\":\"2\"}\n{\"id\":\"3\"}\n"})
		}},
		{"Guard", restore.GroundGuard, []string{"guard", "guard"}, func(_ *testing.T, _ *desk, opts *restore.Options) {
			opts.Replace.Rules.Environment = guard.Environment{}
		}},
		{"NoSafety", restore.GroundGuard, []string{"safety-bundle", "safety-bundle"}, func(_ *testing.T, _ *desk, opts *restore.Options) {
			opts.Replace.NoSafety = true
		}},
		{"Room", restore.GroundRoom, []string{"room"}, func(_ *testing.T, _ *desk, opts *restore.Options) {
			opts.Replace.Room = func(string) (restore.Disk, error) { return restore.Disk{Free: 1}, nil }
		}},
		{"RoomUnknown", restore.GroundRoom, []string{"room"}, func(_ *testing.T, _ *desk, opts *restore.Options) {
			opts.Replace.Room = func(string) (restore.Disk, error) { return restore.Disk{}, errors.New("no such disk") }
		}},
		{"Memory", restore.GroundMemory, []string{"memory"}, func(_ *testing.T, _ *desk, opts *restore.Options) {
			opts.MemoryID = "7c9a2c6e-0b52-4a53-8f0e-1f4f8bb3a001"
		}},
		{"Unreadable", restore.GroundStore, []string{"target-unreachable", "guard"}, func(t *testing.T, d *desk, _ *restore.Options) {
			path := d.at("concepts/nodes.jsonl")
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}},
		{
			"AllAtOnce", restore.GroundNotEmpty,
			[]string{"not-empty", "not-empty", "shrink", "memory", "guard", "guard", "room"},
			func(t *testing.T, d *desk, opts *restore.Options) {
				opts.Replace.Force, opts.Replace.AcceptShrink = false, false
				opts.MemoryID = "7c9a2c6e-0b52-4a53-8f0e-1f4f8bb3a001"
				opts.Replace.Rules.Environment = guard.Environment{}
				opts.Replace.Room = func(string) (restore.Disk, error) { return restore.Disk{Free: 1}, nil }
				d.write(t, map[memory.Section]string{nodes: "{\"id\":\"1\"}\n{\"id\":\"2\"}\n{\"id\":\"3\"}\n"})
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := confirmed(t)
			opts, err := d.options()
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(d.at("token"))
			if err != nil {
				t.Fatal(err)
			}
			if opts.Replace.Token, err = guard.ParseToken(string(text)); err != nil {
				t.Fatal(err)
			}
			tt.change(t, d, &opts)
			d.refused(t, opts, tt.ground, tt.codes)
		})
	}
}

// refused wants the plan to be refused for these reasons, and nothing written.
func (d *desk) refused(t *testing.T, opts restore.Options, ground restore.Ground, codes []string) {
	t.Helper()
	before := tree(t, d.dir)
	plan, err := restore.Preflight(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	var refused *restore.RefusedError
	if !errors.As(plan.Refusal(), &refused) || refused.Ground != ground {
		t.Fatalf("got %v, want it refused for %s", plan.Refusal(), ground)
	}
	var got []string
	for _, f := range plan.Findings() {
		if f.Level == memory.Refusal {
			got = append(got, f.Code)
		}
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(codes)); !slices.Equal(got, want) {
		t.Errorf("got refusals %q, want %q", got, want)
	}
	if _, err := restore.Run(t.Context(), plan, d.at("restores/refused")); !errors.As(err, &refused) {
		t.Errorf("run: got %v, want the refusal", err)
	}
	if after := tree(t, d.dir); !maps.Equal(after, before) {
		t.Errorf("got files %q, want %q", after, before)
	}
}

// tree returns every file below dir with its content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
