package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"keepsake/internal/config"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "hunter2"
	secret := config.NewSecret(text)
	inside := struct {
		Token  config.Secret
		hidden config.Secret
		List   []config.Value[config.Secret]
	}{secret, secret, []config.Value[config.Secret]{{V: secret}}}
	asJSON, err := json.Marshal(inside)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "secret", secret, "inside", inside)
	for name, got := range map[string]string{
		"String": secret.String(), "Verb": fmt.Sprintf("%v %s %q %+v %#v %x", secret, secret, secret, secret, secret, secret),
		"Struct": fmt.Sprintf("%v %+v %#v", inside, inside, inside), "Pointer": fmt.Sprintf("%v %+v", &inside, &secret),
		"JSON": string(asJSON), "Log": logged.String(),
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(got, text) || strings.Contains(got, fmt.Sprintf("%x", text)) {
				t.Errorf("got %q", got)
			}
		})
	}
	if got := secret.String(); got != "set (withheld)" {
		t.Errorf("got %q", got)
	}
	if got := secret.Reveal(); got != text {
		t.Errorf("got %q, want %q", got, text)
	}
}

func TestZeroSecret(t *testing.T) {
	for name, secret := range map[string]config.Secret{"Zero": {}, "Empty": config.NewSecret("")} {
		t.Run(name, func(t *testing.T) {
			if secret.IsSet() || secret.Reveal() != "" || secret.String() != "not set" {
				t.Errorf("got set %v, %q, %q", secret.IsSet(), secret.Reveal(), secret)
			}
		})
	}
}

// The whole configuration can be printed without telling a secret.
func TestConfigTellsNoSecret(t *testing.T) {
	_, cfg := setting{
		file: "stores:\n  kb:\n    headers: {authorization: hunter2-header}\nsources:\n  x: {store: 'chroma:https://h', headers: {y: hunter2-source}}\n",
		env:  map[string]string{"KEEPSAKE_CHROMA_TOKEN": "hunter2-token"},
	}.mustLoad(t)
	asJSON, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf("%+v %#v %v %s", cfg, cfg, cfg.Describe(), asJSON)
	if strings.Contains(said, "hunter2") {
		t.Errorf("got a secret in %s", said)
	}
	if !cfg.Source("kb").Token.V.IsSet() || cfg.Source("kb").Headers.V["Authorization"].Reveal() != "hunter2-header" {
		t.Error("got no token and no header, want both")
	}
	if got := declaredBy(cfg)[0].Headers.V["Y"].Reveal(); got != "hunter2-source" {
		t.Errorf("got header %q of a source", got)
	}
}
