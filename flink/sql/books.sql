-- The books alone: what metrics are made of.
CREATE TEMPORARY VIEW books AS
SELECT * FROM measured WHERE record_type = 'book'
