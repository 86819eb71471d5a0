package cli_test

import (
	"os"
	"testing"

	"keepsake/internal/restore"
	"keepsake/internal/store/chroma/chromatest"
)

// series are moments at which a command is killed, one after the other.
type series struct {
	name   string
	counts func(chromatest.Request) bool
	after  bool
	// step is how far apart they are; KEEPSAKE_TEST_FULL takes each.
	step int
}

// moments calls do with each moment until do reports that the command came to its
// end before, and wants at least so many.
func (s series) moments(t *testing.T, least int, do func(at moment, i int) (killed bool)) {
	t.Helper()
	if os.Getenv("KEEPSAKE_TEST_FULL") != "" {
		s.step = 1
	}
	for i := 0; ; i++ {
		switch killed := do(moment{n: 1 + i*s.step, after: s.after}, i); {
		case t.Failed():
			return
		case !killed && i < least:
			t.Fatalf("killed %d times, want at least %d", i, least)
		case !killed:
			return
		}
	}
}

// TestT2_KilledReplace kills a replace at its requests to Chroma. Each section is
// then the old or the new one, or both are there under other names; the same
// command, or --resume, ends with the new ones and needs no other token; and undo
// brings the old ones back.
func TestT2_KilledReplace(t *testing.T) {
	for _, s := range []series{
		{"before a write", writes, false, 2},
		{"after a write", writes, true, 5},
		{"before any request", every, false, 43},
	} {
		t.Run(s.name, func(t *testing.T) {
			a := newAgent(t, true)
			k := a.killable()
			worlds := a.worlds()
			live := 1
			s.moments(t, 4, func(at moment, i int) bool {
				old, want := &worlds[live], &worlds[1-live]
				old.lives(a)
				killed := k.replaceKilled(at, s.counts, i, *old, *want)
				if killed && i%8 == 4 {
					a.confirmed(0, "undo")
					sameDigests(t, a.digests(), old.digests)
				} else {
					live = 1 - live
				}
				return killed
			})
		})
	}
}

// replaceKilled replaces old by want, and reports whether it was killed on the
// way, and gone on with. The memory is want then.
func (r *reaper) replaceKilled(at moment, counts func(chromatest.Request) bool, i int, old, want world) bool {
	r.t.Helper()
	command := []string{"restore", want.bundle, "--mode", "replace", "--force", "--accept-shrink"}
	command = append(command, "--confirm", r.token(command...))
	r.env[allowed] = "true"
	defer delete(r.env, allowed)
	request := r.killed(at, counts, command...)
	if request != "" {
		r.oldOrNew(old, want)
		r.goesOn(i, command)
	}
	sameDigests(r.t, r.digests(), want.digests)
	r.keptAside(old)
	r.nothingUnfinished()
	if r.t.Failed() {
		r.t.Logf("%s, %s", at, request)
	}
	return request != ""
}

// goesOn finishes what was killed: with the same command, or every other time, when
// a plan was begun, without naming it. No backup is made while the memory is
// neither the old nor the new one.
func (a *agent) goesOn(i int, command []string) {
	a.t.Helper()
	begun := a.unfinished()
	if len(begun) == 1 && begun[0].Swapping() {
		a.must(11, "backup")
	}
	if len(begun) == 1 && i%2 == 1 {
		command = []string{"restore", "--resume"}
	}
	a.must(0, command...)
}

// TestT2_KilledUndo kills the undo of a replace.
func TestT2_KilledUndo(t *testing.T) {
	a := newAgent(t, true)
	k := a.killable()
	worlds := a.worlds()
	old, now := &worlds[1], &worlds[0]
	writesOfUndo := series{"before a write", writes, false, 3}
	writesOfUndo.moments(t, 4, func(at moment, i int) bool {
		a.replaced(now.bundle)
		now.lives(a)
		command := []string{"undo", "--confirm", a.token("undo")}
		a.env[allowed] = "true"
		defer delete(a.env, allowed)
		request := k.killed(at, writes, command...)
		if request != "" {
			a.oldOrNew(*now, *old)
			a.goesOn(i, command)
		}
		sameDigests(t, a.digests(), old.digests)
		a.keptAside(*now)
		a.nothingUnfinished()
		return request != ""
	})
}

// TestT2_KilledMerge kills a merge into an absent memory: no row is in that is not
// the bundle's, and the same command again puts in what is missing.
func TestT2_KilledMerge(t *testing.T) {
	a := newAgent(t, true)
	k := a.killable()
	a.remember()
	bundle, want := a.backup(), a.digests()
	for _, s := range []series{
		{"before a write", writes, false, 1},
		{"before any request", every, false, 13},
	} {
		s.moments(t, 3, func(at moment, _ int) bool {
			k.forget()
			request := k.killed(at, s.counts, "restore", bundle)
			for section, records := range a.digests() {
				for digest, n := range records {
					if n > want[section][digest] {
						t.Errorf("%s, %s: %s has record %x %d times, want %d", at, request, section, digest[:4], n, want[section][digest])
					}
				}
			}
			if request != "" {
				a.must(0, "restore", bundle)
			}
			sameDigests(t, a.digests(), want)
			return request != ""
		})
	}
}

// unfinished lists the plans that have not ended.
func (a *agent) unfinished() []*restore.Unfinished {
	a.t.Helper()
	found, err := restore.FindUnfinished(a.data(".keepsake", "restores"))
	if err != nil {
		a.t.Fatal(err)
	}
	return found
}

// nothingUnfinished wants no plan to be left, and a receipt of the last.
func (a *agent) nothingUnfinished() {
	a.t.Helper()
	if left := a.unfinished(); len(left) > 0 {
		a.t.Errorf("got %d unfinished plans, want none", len(left))
	}
	r, err := restore.LoadReceipt(a.data(".keepsake", "restores", a.receiptDir()))
	if err != nil || !r.Complete {
		a.t.Errorf("got receipt %+v, %v, want a complete one", r, err)
	}
}
