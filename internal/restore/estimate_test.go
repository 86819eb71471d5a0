package restore_test

import (
	"testing"
	"time"

	"keepsake/internal/restore"
	"keepsake/internal/store/chroma"
)

// bulk is a section as make bench has them: 300 bytes of document a row, 130 of
// all else.
func bulk(rows, dimension int64) restore.Load {
	const document, text = 280, 410
	return restore.Load{
		Costs: (&chroma.Server{}).Costs(), Rows: rows, Dimension: int(dimension), Documents: rows * document, Text: rows * text,
		Bytes: rows * (text + 12*dimension),
	}
}

// estimated is for the machine of docs/benchmarks.md: it verifies 272 MB a second
// and compares about as much.
func estimated(l restore.Load, unsaved bool) restore.Estimate {
	bundle := time.Duration(float64(l.Bytes) / 272e6 * float64(time.Second))
	l.Comparing = bundle + 20*time.Millisecond + time.Duration(l.Live)*80*time.Microsecond
	return restore.EstimateOf([]restore.Load{l}, restore.Pace{Bytes: l.Bytes, Verifying: bundle + 10*time.Millisecond}, unsaved)
}

// within wants got to be within a factor of two of want.
func within[N int64 | float64](t *testing.T, what string, got, want N) {
	t.Helper()
	if got < want/2 || got > want*2 {
		t.Errorf("%s: got an estimate of %v, want about %v", what, got, want)
	}
}

// TestEstimateOfRuns that were measured: docs/chroma.md and docs/benchmarks.md.
func TestEstimateOfRuns(t *testing.T) {
	for name, tt := range map[string]struct {
		load    restore.Load
		seconds float64
		staged  int64
	}{
		"400 × 64":       {bulk(400, 64), 0.5, 1_289_380},
		"3,000 × 64":     {bulk(3000, 64), 2.6, 7_825_456},
		"3,000 × 256":    {bulk(3000, 256), 2.9, 10_612_784},
		"3,000 × 1,024":  {bulk(3000, 1024), 3.9, 23_945_264},
		"10,000 × 256":   {bulk(10_000, 256), 9.6, 32_108_512},
		"10,000 × 1,024": {bulk(10_000, 1024), 14, 68_000_000},
		"50,000 × 1,024": {bulk(50_000, 1024), 125, 310_000_000},
	} {
		e := estimated(tt.load, false)
		within(t, name+", seconds", e.Seconds, tt.seconds)
		within(t, name+", bytes", e.StagedBytes, tt.staged)
	}
}

// TestEstimateFollowsTheMachine: where the preflight took three times as long, the
// run will.
func TestEstimateFollowsTheMachine(t *testing.T) {
	one := bulk(3000, 256)
	one.Live, one.LiveBytes, one.Comparing = 3000, one.Bytes, time.Second
	three := one
	three.Comparing *= 3
	fast := restore.EstimateOf([]restore.Load{one}, restore.Pace{Bytes: one.Bytes, Verifying: time.Second}, false)
	slow := restore.EstimateOf([]restore.Load{three}, restore.Pace{Bytes: one.Bytes, Verifying: 3 * time.Second}, false)
	if got := slow.Seconds / fast.Seconds; got < 2.99 || got > 3.01 {
		t.Errorf("got %.2f times as long, want 3", got)
	}
	if fast.StagedBytes != slow.StagedBytes || fast.SafetyBytes != one.Bytes || slow.SafetyBytes != one.Bytes {
		t.Errorf("got %+v and %+v, want the same bytes", fast, slow)
	}
}

// TestEstimateOfLess: what is not done costs nothing.
func TestEstimateOfLess(t *testing.T) {
	whole := bulk(3000, 256)
	whole.Live, whole.LiveBytes = 3000, whole.Bytes
	all := estimated(whole, false)
	for name, tt := range map[string]struct {
		change        func(l *restore.Load)
		unsaved       bool
		safety, stage bool
	}{
		"in place":          {func(l *restore.Load) { l.InPlace, l.Rows = true, 30 }, false, true, false},
		"back from aside":   {func(l *restore.Load) { l.Back = true }, false, true, false},
		"no safety bundle":  {func(*restore.Load) {}, true, false, true},
		"nothing was there": {func(l *restore.Load) { l.Live, l.LiveBytes = 0, 0 }, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := whole
			tt.change(&l)
			got := estimated(l, tt.unsaved)
			if got.Seconds >= all.Seconds {
				t.Errorf("got %.2f s, want less than %.2f", got.Seconds, all.Seconds)
			}
			if got.SafetyBytes > 0 != tt.safety || got.StagedBytes > 0 != tt.stage {
				t.Errorf("got %+v, want a safety bundle: %t, staged rows: %t", got, tt.safety, tt.stage)
			}
		})
	}
}

// TestEstimateOfFiles: they take what they are.
func TestEstimateOfFiles(t *testing.T) {
	l := restore.Load{Rows: 100, Bytes: 5000, Text: 5000, Live: 90, LiveBytes: 4500}
	got := restore.EstimateOf([]restore.Load{l, l}, restore.Pace{}, false)
	if got.StagedBytes != 10_000 || got.SafetyBytes != 9000 {
		t.Errorf("got %+v, want 10,000 and 9,000 bytes", got)
	}
}

// TestEstimateMeasures: a preflight looks at its clock, and at what goes by.
func TestEstimateMeasures(t *testing.T) {
	d := confirmed(t)
	opts, err := d.options()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	opts.Clock = func() time.Time { now = now.Add(time.Second); return now }
	plan, err := restore.Preflight(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	want := restore.EstimateOf([]restore.Load{
		{Rows: 2, Bytes: 22, Text: 22, Live: 1, LiveBytes: 11, Comparing: time.Second},
		{Rows: 2, Bytes: 34, Text: 34, Live: 2, LiveBytes: 34, Comparing: time.Second},
	}, restore.Pace{Bytes: 56, Verifying: time.Second}, false)
	if got := plan.Estimate(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestRoomIsAddedUp: what goes to one disk is needed there together.
func TestRoomIsAddedUp(t *testing.T) {
	const free = 60 // the safety bundle takes 45 bytes, the files 56
	for name, tt := range map[string]struct {
		disk    func(path string) restore.Disk
		refused int
	}{
		"one disk":  {func(string) restore.Disk { return restore.Disk{ID: "a", Free: free} }, 1},
		"two disks": {func(path string) restore.Disk { return restore.Disk{ID: path[:min(1, len(path))], Free: free} }, 0},
		"one of two is too small": {func(path string) restore.Disk {
			if path == "" {
				return restore.Disk{ID: "bundles", Free: free}
			}
			return restore.Disk{ID: "files", Free: 50}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := confirmed(t)
			opts, err := d.options()
			if err != nil {
				t.Fatal(err)
			}
			opts.Replace.PlanOnly = true
			opts.Replace.Room = func(path string) (restore.Disk, error) { return tt.disk(path), nil }
			plan, err := restore.Preflight(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			refused := 0
			for _, f := range plan.Findings() {
				if f.Code == "room" {
					refused++
				}
			}
			if refused != tt.refused {
				t.Errorf("got %d refusals for room, want %d: %v", refused, tt.refused, plan.Findings())
			}
		})
	}
}
