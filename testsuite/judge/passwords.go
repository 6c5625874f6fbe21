package judge

import (
	"fmt"
	"os"
	"strings"

	"filippo.io/age"
	"go.yaml.in/yaml/v3"
)

// kept is a version of a generated password, as the file holds it.
type kept struct {
	Number int
	Key    string
	Value  string
}

// passwords opens the file of generated passwords and returns the versions of one, the oldest first.
func (j *Judge) passwords(name string) ([]kept, error) {
	identity, err := j.secret("age-identity")
	if err != nil {
		return nil, err
	}
	key, err := age.ParseX25519Identity(strings.TrimSpace(identity))
	if err != nil {
		return nil, fmt.Errorf("reading the identity of the passwords' file: %w", err)
	}
	file, err := os.Open(j.path("passwords.age"))
	if err != nil {
		return nil, fmt.Errorf("opening the passwords' file: %w", err)
	}
	defer func() { _ = file.Close() }()
	plain, err := age.Decrypt(file, key)
	if err != nil {
		return nil, fmt.Errorf("opening the passwords' file: %w", err)
	}
	all := map[string]struct{ Versions []kept }{}
	if err := yaml.NewDecoder(plain).Decode(&all); err != nil {
		return nil, fmt.Errorf("the passwords' file is not as expected") // The decoder's own words may quote it.
	}
	return all[name].Versions, nil
}
