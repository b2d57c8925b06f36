package machine

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Cores are where the server and the load run, each alone.
type Cores struct{ Server, Load int }

// TwoCores returns the first two cores that this process may use.
func TwoCores() (Cores, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return Cores{}, fmt.Errorf("machine: cores of this process: %w", err)
	}
	var found []int
	for i := 0; len(found) < 2 && i < 1024; i++ {
		if set.IsSet(i) {
			found = append(found, i)
		}
	}
	if len(found) < 2 {
		return Cores{}, errors.New("machine: one core only; the server and the load need one each")
	}
	return Cores{Server: found[0], Load: found[1]}, nil
}
