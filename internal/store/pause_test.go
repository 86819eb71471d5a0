package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"keepsake/internal/store"
)

func TestPause(t *testing.T) {
	if err := store.Pause(t.Context(), time.Millisecond); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the operator has gone home")
	cancel(cause)
	if err := store.Pause(ctx, time.Hour); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
}
