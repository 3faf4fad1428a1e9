package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"samband/gateway/config"
)

// A settings file in which a key is misspelt, and the same file mended.
func Example() {
	dir, err := os.MkdirTemp("", "config-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	path := filepath.Join(dir, "broker.yaml")
	for _, text := range []string{"listn: \":8443\"\n", "listen: \":8443\"\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			panic(err)
		}
		settings := struct {
			Listen  string `yaml:"listen"`
			Metrics string `yaml:"metrics"`
		}{Metrics: "127.0.0.1:9464"}
		err := config.Load(path, &settings)
		fmt.Println(settings.Listen, settings.Metrics, errors.Unwrap(err))
	}
	// Output:
	//  127.0.0.1:9464 line 1: unknown key "listn": did you mean "listen"?
	// :8443 127.0.0.1:9464 <nil>
}
