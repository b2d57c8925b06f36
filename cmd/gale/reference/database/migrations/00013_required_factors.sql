-- +goose Up
-- The roles of which admins have said that their holders must use a second factor.
CREATE TABLE role_factors (
	role TEXT PRIMARY KEY
);

-- +goose Down
DROP TABLE role_factors;
