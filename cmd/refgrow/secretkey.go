package main

import (
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// secretKeyBytes is how long the key that encrypts the secrets of webhooks is, in
// bytes.
const secretKeyBytes = 32

const secretKeyHelp = `With a key file, a stolen database file alone cannot be used to forge webhook signatures.
To make one:

    (umask 077; openssl rand -hex 32 > secret.key)

It belongs on the same machine, but never in a backup next to the database. Give the same file to "serve",
"webhook create" and "webhook rotate". Secrets that are encrypted cannot be read without it: if it is lost,
rotate them under a new one.`

// defineSecretKey defines the flag that names the file of the key.
func defineSecretKey(flags *flag.FlagSet, file *string) {
	flags.StringVar(file, "secret-key-file", "", "`FILE` with the key that encrypts the secrets of webhooks")
}

// useSecretKey reads the key for the engine of this call, if a file is named.
func (c *call) useSecretKey(name string) error {
	if !c.given("secret-key-file") {
		return nil
	}
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("--secret-key-file: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("--secret-key-file: %w", err)
	}
	const longest = 2*secretKeyBytes + len("\r\n")
	text, err := io.ReadAll(io.LimitReader(file, int64(longest)+1))
	if err != nil {
		return fmt.Errorf("--secret-key-file: %w", err)
	}
	if c.secretKey, err = parseSecretKey(text); err != nil {
		return fmt.Errorf("--secret-key-file: %s %w", name, err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o044 != 0 { // which has no such modes
		c.log.Warn("not only its owner can read the secret key file; chmod 600 changes that", "file", name)
	}
	return nil
}

// parseSecretKey reads a key: 32 bytes as they are, or as 64 hex digits, which a
// newline may follow. Its errors do not show what was read.
func parseSecretKey(text []byte) ([]byte, error) {
	if len(text) == secretKeyBytes {
		return text, nil
	}
	digits := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	key, err := hex.DecodeString(digits)
	if err != nil || len(key) != secretKeyBytes {
		return nil, fmt.Errorf("must hold a key of %d bytes, or %d hex digits; \"openssl rand -hex %d\" makes one",
			secretKeyBytes, 2*secretKeyBytes, secretKeyBytes)
	}
	return key, nil
}
