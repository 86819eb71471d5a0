package chroma

import (
	"context"
	"io"
	"time"
)

// silenceWatch ends a request that has not moved a byte for a while. A page may
// take minutes to come over a slow line, so there is no bound on the whole.
type silenceWatch struct {
	timer *time.Timer
	after time.Duration
	end   context.CancelCauseFunc
}

// watchSilence returns a context that ends with a silentError.
func watchSilence(ctx context.Context, after time.Duration) (context.Context, *silenceWatch) {
	ctx, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(after, func() { end(silentError{after}) })
	return ctx, &silenceWatch{timer, after, end}
}

func (w *silenceWatch) stop() {
	w.timer.Stop()
	w.end(context.Canceled)
}

// watchedReader tells a watch of every byte that moves, and keeps the error
// that reading ended with.
type watchedReader struct {
	r     io.Reader
	watch *silenceWatch
	err   error
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.watch.timer.Reset(r.watch.after)
	}
	r.err = err
	return n, err
}
