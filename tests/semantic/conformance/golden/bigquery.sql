-- SUM(amount)
SELECT SUM(sales.amount) AS value FROM sales AS sales;

-- SUM(quantity)
SELECT SUM(sales.quantity) AS value FROM sales AS sales;

-- SUM(rate)
SELECT SUM(sales.rate) AS value FROM sales AS sales;

-- SUM(big)
SELECT SUM(sales.big) AS value FROM sales AS sales;

-- SUM(amount) WHERE id = 4
SELECT SUM(sales.amount) AS value FROM sales AS sales WHERE sales.id = 4;

-- SUM(amount) WHERE id = 99
SELECT SUM(sales.amount) AS value FROM sales AS sales WHERE sales.id = 99;

-- AVERAGE(amount)
SELECT AVG(CAST(sales.amount AS FLOAT64)) AS value FROM sales AS sales;

-- AVERAGE(quantity)
SELECT AVG(CAST(sales.quantity AS FLOAT64)) AS value FROM sales AS sales;

-- AVERAGE(quantity) WHERE id IN (1, 5)
SELECT AVG(CAST(sales.quantity AS FLOAT64)) AS value FROM sales AS sales WHERE sales.id IN (1, 5);

-- AVERAGE(quantity) WHERE id IN (1, 2, 3)
SELECT AVG(CAST(sales.quantity AS FLOAT64)) AS value FROM sales AS sales WHERE sales.id IN (1, 2, 3);

-- AVERAGE(amount) WHERE id = 4
SELECT AVG(CAST(sales.amount AS FLOAT64)) AS value FROM sales AS sales WHERE sales.id = 4;

-- MIN(amount)
SELECT MIN(sales.amount) AS value FROM sales AS sales;

-- MAX(amount)
SELECT MAX(sales.amount) AS value FROM sales AS sales;

-- IF(MIN(name) = '', 1, 0)
SELECT CASE WHEN MIN(sales.name) = '' THEN 1 ELSE 0 END AS value FROM sales AS sales;

-- DATEDIFF(MIN(sold_on), MAX(sold_on))
SELECT DATE_DIFF(CAST(MAX(sales.sold_on) AS DATE), CAST(MIN(sales.sold_on) AS DATE), DAY) AS value FROM sales AS sales;

-- IF(MAX(sold_at) = '2025-01-01', 1, 0)
SELECT CASE WHEN CAST(MAX(sales.sold_at) AS DATETIME) = CAST('2025-01-01' AS DATE) THEN 1 ELSE 0 END AS value FROM sales AS sales;

-- MEDIAN(amount)
-- Refused: BigQuery totals no exact medians and percentiles. Use an average, or ask the data team for a model that holds the value.

-- MEDIAN(quantity)
-- Refused: BigQuery totals no exact medians and percentiles. Use an average, or ask the data team for a model that holds the value.

-- MEDIAN(amount) WHERE id IN (1, 6)
-- Refused: BigQuery totals no exact medians and percentiles. Use an average, or ask the data team for a model that holds the value.

-- MEDIAN(amount) WHERE id = 4
-- Refused: BigQuery totals no exact medians and percentiles. Use an average, or ask the data team for a model that holds the value.

-- PERCENTILE(amount, 0.1)
-- Refused: BigQuery totals no exact medians and percentiles. Use an average, or ask the data team for a model that holds the value.

-- PERCENTILE(rate, 0.9)
-- Refused: BigQuery totals no exact medians and percentiles. Use an average, or ask the data team for a model that holds the value.

-- PERCENTILE(quantity, 0)
-- Refused: BigQuery totals no exact medians and percentiles. Use an average, or ask the data team for a model that holds the value.

-- PERCENTILE(quantity, 1)
-- Refused: BigQuery totals no exact medians and percentiles. Use an average, or ask the data team for a model that holds the value.

-- PERCENTILE(amount, 0.25) / MEDIAN(quantity)
-- Refused: BigQuery totals no exact medians and percentiles. Use an average, or ask the data team for a model that holds the value.

-- COUNT(*)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales;

-- COUNT(name)
SELECT SUM(CASE WHEN sales.name IS NOT NULL THEN 1 ELSE 0 END) AS value FROM sales AS sales;

-- COUNT(amount) WHERE id = 4
SELECT SUM(CASE WHEN sales.amount IS NOT NULL THEN 1 ELSE 0 END) AS value FROM sales AS sales WHERE sales.id = 4;

-- COUNT(*) WHERE id = 99
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.id = 99;

-- COUNT(DISTINCT name)
SELECT COUNT(DISTINCT sales.name) AS value FROM sales AS sales;

-- COUNT(DISTINCT big)
SELECT COUNT(DISTINCT sales.big) AS value FROM sales AS sales;

-- COUNTDISTINCT(is_gift)
SELECT COUNT(DISTINCT sales.is_gift) AS value FROM sales AS sales;

-- COUNT(DISTINCT amount) WHERE id = 4
SELECT COUNT(DISTINCT sales.amount) AS value FROM sales AS sales WHERE sales.id = 4;

-- SUMIF(amount, quantity > 0)
SELECT SUM(sales.amount) AS value FROM sales AS sales WHERE sales.quantity > 0;

-- AVERAGEIF(amount, quantity > 0)
SELECT AVG(CAST(sales.amount AS FLOAT64)) AS value FROM sales AS sales WHERE sales.quantity > 0;

-- MINIF(amount, quantity > 0)
SELECT MIN(sales.amount) AS value FROM sales AS sales WHERE sales.quantity > 0;

-- MAXIF(amount, quantity <= 0)
SELECT MAX(sales.amount) AS value FROM sales AS sales WHERE sales.quantity <= 0;

-- COUNTIF(name = 'paid')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.name = 'paid';

-- DISTINCTIF(name, quantity > 0)
SELECT COUNT(DISTINCT sales.name) AS value FROM sales AS sales WHERE sales.quantity > 0;

-- (SUM(amount) WHERE is_gift) / SUM(amount)
SELECT CAST(SUM(CASE WHEN sales.is_gift THEN sales.amount END) AS FLOAT64) / NULLIF(SUM(sales.amount), 0) AS value FROM sales AS sales;

-- (MEDIAN(amount) WHERE is_gift) - MEDIAN(amount)
-- Refused: BigQuery totals no exact medians and percentiles. Use an average, or ask the data team for a model that holds the value.

-- SUM(sales.amount) / COUNT(regions.*)
WITH sales_totals_1 AS ( SELECT SUM(sales.amount) AS total_1 FROM sales AS sales ), regions_totals_2 AS ( SELECT NULLIF(COUNT(*), 0) AS total_2 FROM regions AS regions ) SELECT CAST(total_1 AS FLOAT64) / NULLIF(total_2, 0) AS value FROM sales_totals_1 CROSS JOIN regions_totals_2;

-- CONVERSION(COUNT(*) WHERE NOT is_gift, COUNT(DISTINCT IF(is_gift, id)), region, 60 days)
WITH sales_totals_1 AS ( SELECT NULLIF(COUNT(*), 0) AS total_1 FROM sales AS sales WHERE NOT sales.is_gift ), sales_totals_2 AS ( SELECT COUNT(DISTINCT counted) AS total_2 FROM ( SELECT base.day AS day, counted, ROW_NUMBER() OVER (PARTITION BY `following`.event ORDER BY base.day DESC) AS place FROM ( SELECT sales.region_id AS entity, CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), DAY) AS DATE) AS day FROM sales AS sales WHERE NOT sales.is_gift ) AS base JOIN ( SELECT sales.region_id AS entity, CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), DAY) AS DATE) AS day, CASE WHEN sales.is_gift THEN sales.id END AS counted, ROW_NUMBER() OVER (ORDER BY CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), DAY) AS DATE) NULLS LAST) AS event FROM sales AS sales ) AS `following` ON base.entity = `following`.entity AND base.day <= `following`.day AND base.day > DATETIME_SUB(CAST(`following`.day AS DATETIME), INTERVAL 60 DAY) ) AS pairs WHERE place = 1 ) SELECT CAST(total_2 AS FLOAT64) / NULLIF(total_1, 0) AS value FROM sales_totals_1 CROSS JOIN sales_totals_2;

-- COUNT(*) WHERE is_gift
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.is_gift;

-- COUNT(*) WHERE NOT is_gift
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE NOT sales.is_gift;

-- COUNT(*) WHERE is_gift = FALSE
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.is_gift = FALSE;

-- COUNTIF(name <> 'paid')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.name <> 'paid';

-- COUNTIF(NOT name = 'paid')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE NOT ( sales.name = 'paid' );

-- COUNTIF(name IN ('paid', ''))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.name IN ('paid', '');

-- COUNTIF(name NOT IN ('paid', ''))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE NOT sales.name IN ('paid', '');

-- COUNTIF(NOT name IN ('paid', ''))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE NOT ( sales.name IN ('paid', '') );

-- COUNTIF(quantity IN (2, -3))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.quantity IN (2, -3);

-- COUNTIF(amount BETWEEN -0.5 AND 10)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.amount BETWEEN ( -0.5 ) AND 10;

-- COUNTIF(amount NOT BETWEEN -0.5 AND 10)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE NOT sales.amount BETWEEN ( -0.5 ) AND 10;

-- COUNTIF(amount > 0)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.amount > 0;

-- COUNTIF(amount >= 2.5)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.amount >= 2.5;

-- COUNTIF(amount < 0)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.amount < 0;

-- COUNTIF(amount <= 0)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.amount <= 0;

-- COUNTIF(amount > 0 OR quantity < 0)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.amount > 0 OR sales.quantity < 0;

-- COUNTIF(is_gift AND amount > 50)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.is_gift AND sales.amount > 50;

-- COUNTIF(AND(is_gift, quantity > 0, amount > 0))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.is_gift AND sales.quantity > 0 AND sales.amount > 0;

-- COUNTIF(OR(is_gift, quantity = 0))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.is_gift OR sales.quantity = 0;

-- COUNTIF(NOT (is_gift OR amount > 0))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE NOT ( sales.is_gift OR sales.amount > 0 );

-- COUNTIF((amount > 0 OR quantity < 0) AND NOT is_gift)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( sales.amount > 0 OR sales.quantity < 0 ) AND NOT sales.is_gift;

-- SUM(IF(quantity > 0, amount, 0))
SELECT SUM(CASE WHEN sales.quantity > 0 THEN sales.amount ELSE 0 END) AS value FROM sales AS sales;

-- SUM(IF(is_gift, 1, 2))
SELECT SUM(CASE WHEN sales.is_gift THEN 1 ELSE 2 END) AS value FROM sales AS sales;

-- COUNT(IF(is_gift, id))
SELECT SUM( CASE WHEN CASE WHEN sales.is_gift THEN sales.id END IS NOT NULL THEN 1 ELSE 0 END ) AS value FROM sales AS sales;

-- COUNTIF(IFS(quantity > 4, 'big', quantity > 0, 'small', TRUE, 'none') = 'none' AND id = 4)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CASE WHEN sales.quantity > 4 THEN 'big' WHEN sales.quantity > 0 THEN 'small' ELSE 'none' END = 'none' AND sales.id = 4;

-- COUNT(DISTINCT IFS(quantity > 4, 'big', quantity > 0, 'small', TRUE, 'none'))
SELECT COUNT( DISTINCT CASE WHEN sales.quantity > 4 THEN 'big' WHEN sales.quantity > 0 THEN 'small' ELSE 'none' END ) AS value FROM sales AS sales;

-- SUM(SWITCH(name, 'paid', 1, '', 2, 0))
SELECT SUM(CASE WHEN sales.name = 'paid' THEN 1 WHEN sales.name = '' THEN 2 ELSE 0 END) AS value FROM sales AS sales;

-- SUM(IF(quantity > 0, IF(amount > 5, IF(is_gift, 100, 10), 1), 0))
SELECT SUM( CASE WHEN sales.quantity > 0 THEN CASE WHEN sales.amount > 5 THEN CASE WHEN sales.is_gift THEN 100 ELSE 10 END ELSE 1 END ELSE 0 END ) AS value FROM sales AS sales;

-- COUNT(CASE WHEN quantity < 0 THEN 'minus' WHEN quantity = 0 THEN 'zero' END)
SELECT SUM( CASE WHEN CASE WHEN sales.quantity < 0 THEN 'minus' WHEN sales.quantity = 0 THEN 'zero' END IS NOT NULL THEN 1 ELSE 0 END ) AS value FROM sales AS sales;

-- SUM(CASE WHEN amount IS BLANK THEN 1 WHEN amount < 0 THEN 2 ELSE 3 END)
SELECT SUM(CASE WHEN sales.amount IS NULL THEN 1 WHEN sales.amount < 0 THEN 2 ELSE 3 END) AS value FROM sales AS sales;

-- IF(SUM(amount) > 100, 1, 0)
SELECT CASE WHEN SUM(sales.amount) > 100 THEN 1 ELSE 0 END AS value FROM sales AS sales;

-- IF(SUM(amount) / (SUM(quantity) WHERE id = 3) > 1, 1, 0)
SELECT CASE WHEN CAST(SUM(sales.amount) AS FLOAT64) / NULLIF(SUM(CASE WHEN sales.id = 3 THEN sales.quantity END), 0) > 1 THEN 1 ELSE 0 END AS value FROM sales AS sales;

-- SUM(amount) WHERE regions.name = 'EU'
SELECT SUM(sales.amount) AS value FROM sales AS sales LEFT JOIN regions AS regions ON sales.region_id = regions.region_id WHERE regions.name = 'EU';

-- COUNTIF(regions.name IS BLANK)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales LEFT JOIN regions AS regions ON sales.region_id = regions.region_id WHERE regions.name IS NULL;

-- COUNTIF(regions.name <> 'EU')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales LEFT JOIN regions AS regions ON sales.region_id = regions.region_id WHERE regions.name <> 'EU';

-- COUNTIF(ISBLANK(name))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.name IS NULL;

-- COUNTIF(name = '')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.name = '';

-- COUNTIF(name IS BLANK OR name = '')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.name IS NULL OR sales.name = '';

-- COUNTIF(amount IS NOT BLANK)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.amount IS NOT NULL;

-- COUNTIF(ISBLANK(amount / quantity))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( CAST(sales.amount AS FLOAT64) / NULLIF(sales.quantity, 0) ) IS NULL;

-- SUM(COALESCE(amount, 1))
SELECT SUM(COALESCE(sales.amount, 1)) AS value FROM sales AS sales;

-- MAX(COALESCE(big, quantity)) WHERE id = 3
SELECT MAX(COALESCE(sales.big, sales.quantity)) AS value FROM sales AS sales WHERE sales.id = 3;

-- COUNTIF(COALESCE(name, 'none') = 'none' AND id = 4)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE COALESCE(sales.name, 'none') = 'none' AND sales.id = 4;

-- COUNTIF(COALESCE(name, 'none') = '' AND id = 3)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE COALESCE(sales.name, 'none') = '' AND sales.id = 3;

-- COALESCE(SUM(amount) WHERE id = 4, 0) + SUM(quantity)
SELECT COALESCE(SUM(CASE WHEN sales.id = 4 THEN sales.amount END), 0) + SUM(sales.quantity) AS value FROM sales AS sales;

-- (SUM(amount) WHERE id = 4) + SUM(quantity)
SELECT SUM(CASE WHEN sales.id = 4 THEN sales.amount END) + SUM(sales.quantity) AS value FROM sales AS sales;

-- COUNT(NULLIF(name, ''))
SELECT SUM(CASE WHEN NULLIF(sales.name, '') IS NOT NULL THEN 1 ELSE 0 END) AS value FROM sales AS sales;

-- SUM(NULLIF(quantity, 7))
SELECT SUM(NULLIF(sales.quantity, 7)) AS value FROM sales AS sales;

-- NULLIF(SUM(quantity), 12)
SELECT NULLIF(SUM(sales.quantity), 12) AS value FROM sales AS sales;

-- SUM(amount + big)
SELECT SUM(sales.amount + sales.big) AS value FROM sales AS sales;

-- SUM(amount + quantity)
SELECT SUM(sales.amount + sales.quantity) AS value FROM sales AS sales;

-- SUM(amount * quantity)
SELECT SUM(sales.amount * sales.quantity) AS value FROM sales AS sales;

-- SUM(big + 1)
SELECT SUM(sales.big + 1) AS value FROM sales AS sales;

-- SUM(-amount)
SELECT SUM(-sales.amount) AS value FROM sales AS sales;

-- SUM(-(-quantity))
SELECT SUM(-( -sales.quantity )) AS value FROM sales AS sales;

-- SUM(1 - -quantity)
SELECT SUM(1 - ( -sales.quantity )) AS value FROM sales AS sales;

-- SUM(quantity) - COUNT(*) - 1
SELECT SUM(sales.quantity) - NULLIF(COUNT(*), 0) - 1 AS value FROM sales AS sales;

-- SUM(quantity) - (COUNT(*) - 1)
SELECT SUM(sales.quantity) - ( NULLIF(COUNT(*), 0) - 1 ) AS value FROM sales AS sales;

-- (SUM(quantity) + 1) * 2
SELECT ( SUM(sales.quantity) + 1 ) * 2 AS value FROM sales AS sales;

-- SUM(quantity) / (COUNT(*) / 2)
SELECT CAST(SUM(sales.quantity) AS FLOAT64) / NULLIF(CAST(NULLIF(COUNT(*), 0) AS FLOAT64) / 2, 0) AS value FROM sales AS sales;

-- SUM(quantity) / COUNT(*) / 2
SELECT CAST(CAST(SUM(sales.quantity) AS FLOAT64) / NULLIF(NULLIF(COUNT(*), 0), 0) AS FLOAT64) / 2 AS value FROM sales AS sales;

-- -SUM(quantity) ^ 2
SELECT -POWER(SUM(sales.quantity), 2) AS value FROM sales AS sales;

-- SUM(quantity * 5%)
SELECT SUM(sales.quantity * 0.05) AS value FROM sales AS sales;

-- SUM(amount) * 5%
SELECT SUM(sales.amount) * 0.05 AS value FROM sales AS sales;

-- SUM(quantity) / COUNT(*)
SELECT CAST(SUM(sales.quantity) AS FLOAT64) / NULLIF(NULLIF(COUNT(*), 0), 0) AS value FROM sales AS sales;

-- MAX(quantity / 4) WHERE id = 5
SELECT MAX(CAST(sales.quantity AS FLOAT64) / 4) AS value FROM sales AS sales WHERE sales.id = 5;

-- MAX(1 / 3000000) * 3000000
SELECT MAX(CAST(1 AS FLOAT64) / 3000000) * 3000000 AS value FROM sales AS sales;

-- SUM(1 / quantity)
SELECT SUM(CAST(1 AS FLOAT64) / NULLIF(sales.quantity, 0)) AS value FROM sales AS sales;

-- SUM(amount / quantity)
SELECT SUM(CAST(sales.amount AS FLOAT64) / NULLIF(sales.quantity, 0)) AS value FROM sales AS sales;

-- SUM(amount / quantity) WHERE id = 3
SELECT SUM(CAST(sales.amount AS FLOAT64) / NULLIF(sales.quantity, 0)) AS value FROM sales AS sales WHERE sales.id = 3;

-- SUM(rate / amount) WHERE id = 3
SELECT SUM(CAST(sales.rate AS FLOAT64) / NULLIF(sales.amount, 0)) AS value FROM sales AS sales WHERE sales.id = 3;

-- SUM(amount) / (SUM(quantity) WHERE id = 3)
SELECT CAST(SUM(sales.amount) AS FLOAT64) / NULLIF(SUM(CASE WHEN sales.id = 3 THEN sales.quantity END), 0) AS value FROM sales AS sales;

-- SUM(amount) / (SUM(quantity) WHERE id = 4)
SELECT CAST(SUM(sales.amount) AS FLOAT64) / NULLIF(SUM(CASE WHEN sales.id = 4 THEN sales.quantity END), 0) AS value FROM sales AS sales;

-- DIVIDE(SUM(amount), COUNT(*))
SELECT CAST(SUM(sales.amount) AS FLOAT64) / NULLIF(NULLIF(COUNT(*), 0), 0) AS value FROM sales AS sales;

-- DIVIDE(SUM(amount), SUM(quantity) WHERE id = 3, -1)
SELECT COALESCE( CAST(SUM(sales.amount) AS FLOAT64) / NULLIF(SUM(CASE WHEN sales.id = 3 THEN sales.quantity END), 0), -1 ) AS value FROM sales AS sales;

-- SUM(DIVIDE(1, quantity, 1))
SELECT SUM(COALESCE(CAST(1 AS FLOAT64) / NULLIF(sales.quantity, 0), 1)) AS value FROM sales AS sales;

-- SUM(ABS(amount))
SELECT SUM(ABS(sales.amount)) AS value FROM sales AS sales;

-- MAX(ROUND(rate)) WHERE id = 2
SELECT MAX(ROUND(CAST(sales.rate AS NUMERIC))) AS value FROM sales AS sales WHERE sales.id = 2;

-- MAX(ROUND(rate)) WHERE id = 3
SELECT MAX(ROUND(CAST(sales.rate AS NUMERIC))) AS value FROM sales AS sales WHERE sales.id = 3;

-- MAX(ROUND(rate)) WHERE id = 1
SELECT MAX(ROUND(CAST(sales.rate AS NUMERIC))) AS value FROM sales AS sales WHERE sales.id = 1;

-- MAX(ROUND(rate)) WHERE id = 7
SELECT MAX(ROUND(CAST(sales.rate AS NUMERIC))) AS value FROM sales AS sales WHERE sales.id = 7;

-- MAX(ROUND(rate)) WHERE id = 5
SELECT MAX(ROUND(CAST(sales.rate AS NUMERIC))) AS value FROM sales AS sales WHERE sales.id = 5;

-- MAX(ROUND(amount)) WHERE id = 2
SELECT MAX(ROUND(CAST(sales.amount AS NUMERIC))) AS value FROM sales AS sales WHERE sales.id = 2;

-- MAX(ROUND(quantity / 2)) WHERE id = 5
SELECT MAX(ROUND(CAST(CAST(sales.quantity AS FLOAT64) / 2 AS NUMERIC))) AS value FROM sales AS sales WHERE sales.id = 5;

-- MAX(ROUND(amount, 1)) WHERE id = 6
SELECT MAX(ROUND(CAST(sales.amount AS NUMERIC), 1)) AS value FROM sales AS sales WHERE sales.id = 6;

-- MAX(ROUND(quantity, -1)) WHERE id = 5
SELECT MAX(ROUND(CAST(sales.quantity AS NUMERIC), -1)) AS value FROM sales AS sales WHERE sales.id = 5;

-- MAX(ROUND(amount * 100, -2)) WHERE id = 2
SELECT MAX(ROUND(CAST(sales.amount * 100 AS NUMERIC), -2)) AS value FROM sales AS sales WHERE sales.id = 2;

-- ROUND(SUM(amount) / COUNT(*), 2)
SELECT ROUND( CAST(CAST(SUM(sales.amount) AS FLOAT64) / NULLIF(NULLIF(COUNT(*), 0), 0) AS NUMERIC), 2 ) AS value FROM sales AS sales;

-- MAX(ROUND(amount)) WHERE id = 4
SELECT MAX(ROUND(CAST(sales.amount AS NUMERIC))) AS value FROM sales AS sales WHERE sales.id = 4;

-- MAX(CEILING(amount)) WHERE id = 2
SELECT MAX(CEIL(sales.amount)) AS value FROM sales AS sales WHERE sales.id = 2;

-- MAX(CEILING(amount)) WHERE id = 5
SELECT MAX(CEIL(sales.amount)) AS value FROM sales AS sales WHERE sales.id = 5;

-- MAX(CEILING(rate)) WHERE id = 7
SELECT MAX(CEIL(sales.rate)) AS value FROM sales AS sales WHERE sales.id = 7;

-- MAX(FLOOR(amount)) WHERE id = 2
SELECT MAX(FLOOR(sales.amount)) AS value FROM sales AS sales WHERE sales.id = 2;

-- MAX(FLOOR(rate)) WHERE id = 7
SELECT MAX(FLOOR(sales.rate)) AS value FROM sales AS sales WHERE sales.id = 7;

-- MAX(FLOOR(quantity / 2)) WHERE id = 2
SELECT MAX(FLOOR(CAST(sales.quantity AS FLOAT64) / 2)) AS value FROM sales AS sales WHERE sales.id = 2;

-- SQRT(SUM(quantity) + 4)
SELECT CASE WHEN SUM(sales.quantity) + 4 >= 0 THEN SQRT(SUM(sales.quantity) + 4) END AS value FROM sales AS sales;

-- SUM(SQRT(quantity))
SELECT SUM(CASE WHEN sales.quantity >= 0 THEN SQRT(sales.quantity) END) AS value FROM sales AS sales;

-- SUM(POWER(quantity, 2))
SELECT SUM(POWER(sales.quantity, 2)) AS value FROM sales AS sales;

-- SUM(quantity ^ 2)
SELECT SUM(POWER(sales.quantity, 2)) AS value FROM sales AS sales;

-- SUM(2 ^ quantity)
SELECT SUM(POWER(2, sales.quantity)) AS value FROM sales AS sales;

-- SUM(quantity ^ 0.5)
SELECT SUM(CASE WHEN sales.quantity >= 0 THEN POWER(sales.quantity, 0.5) END) AS value FROM sales AS sales;

-- SUM(quantity ^ -1)
SELECT SUM(POWER(NULLIF(sales.quantity, 0), -1)) AS value FROM sales AS sales;

-- SUM(quantity ^ rate) WHERE id IN (2, 3, 4)
SELECT SUM( CASE WHEN sales.quantity > 0 OR ( sales.quantity = 0 AND sales.rate >= 0 ) OR ( sales.quantity < 0 AND sales.rate = FLOOR(sales.rate) ) THEN POWER(sales.quantity, sales.rate) END ) AS value FROM sales AS sales WHERE sales.id IN (2, 3, 4);

-- MAX(quantity ^ 0) WHERE id = 3
SELECT MAX(POWER(sales.quantity, 0)) AS value FROM sales AS sales WHERE sales.id = 3;

-- MAX(MOD(quantity, 2)) WHERE id = 2
SELECT MAX(MOD(sales.quantity, NULLIF(2, 0))) AS value FROM sales AS sales WHERE sales.id = 2;

-- MAX(MOD(quantity, -2)) WHERE id = 5
SELECT MAX(MOD(sales.quantity, NULLIF(-2, 0))) AS value FROM sales AS sales WHERE sales.id = 5;

-- MAX(MOD(rate, 2)) WHERE id = 2
SELECT MAX(MOD(CAST(sales.rate AS NUMERIC), NULLIF(CAST(2 AS NUMERIC), 0))) AS value FROM sales AS sales WHERE sales.id = 2;

-- MAX(MOD(rate, 0.1)) WHERE id = 2
SELECT MAX(MOD(CAST(sales.rate AS NUMERIC), NULLIF(CAST(0.1 AS NUMERIC), 0))) AS value FROM sales AS sales WHERE sales.id = 2;

-- MAX(MOD(amount, 3)) WHERE id = 2
SELECT MAX(MOD(CAST(sales.amount AS NUMERIC), NULLIF(CAST(3 AS NUMERIC), 0))) AS value FROM sales AS sales WHERE sales.id = 2;

-- MAX(MOD(FLOOR(rate), 2)) WHERE id = 5
SELECT MAX(MOD(CAST(FLOOR(sales.rate) AS NUMERIC), NULLIF(CAST(2 AS NUMERIC), 0))) AS value FROM sales AS sales WHERE sales.id = 5;

-- MOD(SUM(quantity), 5)
SELECT MOD(SUM(sales.quantity), NULLIF(5, 0)) AS value FROM sales AS sales;

-- MAX(MOD(5, quantity)) WHERE id = 3
SELECT MAX(MOD(5, NULLIF(sales.quantity, 0))) AS value FROM sales AS sales WHERE sales.id = 3;

-- MAX(MOD(big, 10)) WHERE id = 1
SELECT MAX(MOD(sales.big, NULLIF(10, 0))) AS value FROM sales AS sales WHERE sales.id = 1;

-- COUNTIF(MOD(quantity, 2) = 0)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE MOD(sales.quantity, NULLIF(2, 0)) = 0;

-- SUM(GREATEST(amount, 0))
SELECT SUM(GREATEST(sales.amount, 0)) AS value FROM sales AS sales;

-- SUM(LEAST(amount, 1))
SELECT SUM(LEAST(sales.amount, 1)) AS value FROM sales AS sales;

-- MAX(GREATEST(amount, 0)) WHERE id = 4
SELECT MAX(GREATEST(sales.amount, 0)) AS value FROM sales AS sales WHERE sales.id = 4;

-- MAX(GREATEST(amount, big)) WHERE id = 3
SELECT MAX(GREATEST(sales.amount, sales.big)) AS value FROM sales AS sales WHERE sales.id = 3;

-- MAX(GREATEST(quantity, 1, rate)) WHERE id = 2
SELECT MAX(GREATEST(sales.quantity, 1, sales.rate)) AS value FROM sales AS sales WHERE sales.id = 2;

-- COUNTIF(LEAST(sold_on, due_on) = '2024-12-31' AND id = 6)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE LEAST(sales.sold_on, sales.due_on) = CAST('2024-12-31' AS DATE) AND sales.id = 6;

-- COUNTIF(GREATEST(sold_on, due_on) IS BLANK AND id = 5)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE GREATEST(sales.sold_on, sales.due_on) IS NULL AND sales.id = 5;

-- LEAST(SUM(amount), SUM(quantity), SUM(rate) WHERE id = 4)
SELECT LEAST( SUM(sales.amount), SUM(sales.quantity), SUM(CASE WHEN sales.id = 4 THEN sales.rate END) ) AS value FROM sales AS sales;

-- COUNTIF(CONTAINS(name, 'aid'))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE INSTR(sales.name, 'aid') > 0;

-- COUNTIF(CONTAINS(name, '%'))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE INSTR(sales.name, '%') > 0;

-- COUNTIF(CONTAINS(name, 'PAID'))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE INSTR(sales.name, 'PAID') > 0;

-- COUNTIF(STARTSWITH(name, 'pa'))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE STARTS_WITH(sales.name, 'pa');

-- COUNTIF(STARTSWITH(name, 'it_s'))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE STARTS_WITH(sales.name, 'it_s');

-- COUNTIF(NOT STARTSWITH(name, 'pa'))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE NOT STARTS_WITH(sales.name, 'pa');

-- COUNTIF(ENDSWITH(name, '%_off'))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE RIGHT(sales.name, LENGTH('%_off')) = '%_off';

-- COUNTIF(ENDSWITH(name, 'id'))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE RIGHT(sales.name, LENGTH('id')) = 'id';

-- COUNTIF(name = 'it''s 100%_off')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.name = 'it\'s 100%_off';

-- COUNTIF(name = 'Paid')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.name = 'Paid';

-- COUNTIF(UPPER(name) = 'ÜBERMUT' AND id = 5)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE UPPER(sales.name) = 'ÜBERMUT' AND sales.id = 5;

-- COUNTIF(LOWER(name) = 'übermut' AND id = 5)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE LOWER(sales.name) = 'übermut' AND sales.id = 5;

-- COUNTIF(TRIM(name) = 'Paid' AND id = 2)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE TRIM(sales.name, ' ') = 'Paid' AND sales.id = 2;

-- COUNTIF(TRIM(name) = '')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE TRIM(sales.name, ' ') = '';

-- MAX(LEN(name)) WHERE id = 5
SELECT MAX(LENGTH(sales.name)) AS value FROM sales AS sales WHERE sales.id = 5;

-- MAX(LEN(name)) WHERE id = 2
SELECT MAX(LENGTH(sales.name)) AS value FROM sales AS sales WHERE sales.id = 2;

-- MAX(LEN(name)) WHERE id = 3
SELECT MAX(LENGTH(sales.name)) AS value FROM sales AS sales WHERE sales.id = 3;

-- MAX(LEN(name)) WHERE id = 4
SELECT MAX(LENGTH(sales.name)) AS value FROM sales AS sales WHERE sales.id = 4;

-- COUNTIF(LEFT(name, 2) = 'Üb' AND id = 5)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE LEFT(sales.name, 2) = 'Üb' AND sales.id = 5;

-- COUNTIF(LEFT(name, 99) = 'paid' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE LEFT(sales.name, 99) = 'paid' AND sales.id = 1;

-- COUNTIF(RIGHT(name, 3) = 'off' AND id = 6)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE RIGHT(sales.name, 3) = 'off' AND sales.id = 6;

-- COUNTIF(RIGHT(name, LEN(name) - 1) = 'aid' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE RIGHT( sales.name, CASE WHEN CAST(LENGTH(sales.name) - 1 AS INT64) < 0 THEN 0 ELSE CAST(LENGTH(sales.name) - 1 AS INT64) END ) = 'aid' AND sales.id = 1;

-- COUNTIF(RIGHT(name, LEN(name) - 5) = '' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE RIGHT( sales.name, CASE WHEN CAST(LENGTH(sales.name) - 5 AS INT64) < 0 THEN 0 ELSE CAST(LENGTH(sales.name) - 5 AS INT64) END ) = '' AND sales.id = 1;

-- COUNTIF(LEFT(name, quantity) = '' AND id = 2)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE LEFT( sales.name, CASE WHEN CAST(sales.quantity AS INT64) < 0 THEN 0 ELSE CAST(sales.quantity AS INT64) END ) = '' AND sales.id = 2;

-- COUNTIF(LEFT(name, -1) = '')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE LEFT(sales.name, 0) = '';

-- COUNTIF(LEFT('abc', quantity) IS BLANK)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE LEFT( 'abc', CASE WHEN CAST(sales.quantity AS INT64) < 0 THEN 0 ELSE CAST(sales.quantity AS INT64) END ) IS NULL;

-- COUNTIF(name & '!' = '!' AND id = 4)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( COALESCE(sales.name, '') || '!' ) = '!' AND sales.id = 4;

-- COUNTIF(name & quantity = 'paid2' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( COALESCE(sales.name, '') || COALESCE(CAST(sales.quantity AS STRING), '') ) = 'paid2' AND sales.id = 1;

-- COUNTIF(CONCAT(name, '-', quantity) = '-0' AND id = 3)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( COALESCE(COALESCE(sales.name, '') || '-', '') || COALESCE(CAST(sales.quantity AS STRING), '') ) = '-0' AND sales.id = 3;

-- COUNTIF('' & sold_on = '2024-02-29' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( '' || COALESCE(CAST(sales.sold_on AS STRING), '') ) = '2024-02-29' AND sales.id = 1;

-- COUNTIF('' & amount = '10' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( '' || COALESCE(CAST(sales.amount AS STRING), '') ) = '10' AND sales.id = 1;

-- COUNTIF('' & amount = '-7.5' AND id = 2)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( '' || COALESCE(CAST(sales.amount AS STRING), '') ) = '-7.5' AND sales.id = 2;

-- COUNTIF('' & rate * 4 = '10' AND id = 2)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( '' || COALESCE(CAST(sales.rate * 4 AS STRING), '') ) = '10' AND sales.id = 2;

-- COUNTIF('' & sold_at = '2024-02-29 23:59:59' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( '' || COALESCE(CAST(CAST(sales.sold_at AS DATETIME) AS STRING), '') ) = '2024-02-29 23:59:59' AND sales.id = 1;

-- COUNTIF('' & FLOOR(rate) = '2' AND id = 2)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( '' || COALESCE(CAST(FLOOR(sales.rate) AS STRING), '') ) = '2' AND sales.id = 2;

-- COUNTIF('' & YEAR(sold_on) = '2024')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( '' || COALESCE(CAST(EXTRACT(YEAR FROM sales.sold_on) AS STRING), '') ) = '2024';

-- COUNTIF('' & is_gift = 'true' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( '' || COALESCE(CAST(sales.is_gift AS STRING), '') ) = 'true' AND sales.id = 1;

-- COUNTIF('' & is_gift = '' AND id = 4)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE ( '' || COALESCE(CAST(sales.is_gift AS STRING), '') ) = '' AND sales.id = 4;

-- COUNT(DISTINCT name & quantity)
SELECT COUNT( DISTINCT COALESCE(sales.name, '') || COALESCE(CAST(sales.quantity AS STRING), '') ) AS value FROM sales AS sales;

-- COUNTIF(UPPER(TRIM(name)) = 'PAID')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE UPPER(TRIM(sales.name, ' ')) = 'PAID';

-- SUM(YEAR(sold_on))
SELECT SUM(EXTRACT(YEAR FROM sales.sold_on)) AS value FROM sales AS sales;

-- MAX(QUARTER(sold_on)) WHERE id = 3
SELECT MAX(EXTRACT(QUARTER FROM sales.sold_on)) AS value FROM sales AS sales WHERE sales.id = 3;

-- MAX(MONTH(sold_at)) WHERE id = 6
SELECT MAX(EXTRACT(MONTH FROM sales.sold_at)) AS value FROM sales AS sales WHERE sales.id = 6;

-- MAX(DAY(sold_at)) WHERE id = 1
SELECT MAX(EXTRACT(DAY FROM sales.sold_at)) AS value FROM sales AS sales WHERE sales.id = 1;

-- MAX(DAY(sold_on)) WHERE id = 4
SELECT MAX(EXTRACT(DAY FROM sales.sold_on)) AS value FROM sales AS sales WHERE sales.id = 4;

-- COUNTIF(sold_on >= DATE(2024, 2, 29))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on >= CAST('2024-02-29' AS DATE);

-- COUNTIF(sold_on < '2024-01-31')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on < CAST('2024-01-31' AS DATE);

-- COUNTIF(sold_at = '2024-01-31')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) = CAST('2024-01-31' AS DATE);

-- COUNTIF(sold_at > '2024-02-29')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) > CAST('2024-02-29' AS DATE);

-- COUNTIF(sold_at <= DATE '2024-02-29')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) <= CAST('2024-02-29' AS DATE);

-- COUNTIF(sold_at = sold_on)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) = sales.sold_on;

-- COUNTIF(sold_on BETWEEN '2024-01-31' AND '2024-02-29')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on BETWEEN CAST('2024-01-31' AS DATE) AND CAST('2024-02-29' AS DATE);

-- COUNTIF(sold_at BETWEEN '2024-01-31' AND '2024-02-29')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) BETWEEN CAST('2024-01-31' AS DATE) AND CAST('2024-02-29' AS DATE);

-- COUNTIF(sold_on IN ('2024-02-29', '2025-01-01'))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on IN (CAST('2024-02-29' AS DATE), CAST('2025-01-01' AS DATE));

-- COUNTIF(sold_at IN ('2024-02-29', '2025-01-01'))
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) IN (CAST('2024-02-29' AS DATE), CAST('2025-01-01' AS DATE));

-- COUNTIF(DATEADD(sold_on, 1, month) = '2024-02-29' AND id = 2)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL 1 MONTH) AS DATE) = CAST('2024-02-29' AS DATE) AND sales.id = 2;

-- COUNTIF(DATEADD(sold_on, 1, year) = '2025-02-28' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL 1 YEAR) AS DATE) = CAST('2025-02-28' AS DATE) AND sales.id = 1;

-- COUNTIF(DATEADD(sold_on, -1, month) = '2024-02-29' AND id = 7)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_SUB(sales.sold_on, INTERVAL 1 MONTH) AS DATE) = CAST('2024-02-29' AS DATE) AND sales.id = 7;

-- COUNTIF(sold_on + 1 month = '2024-03-29' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL 1 MONTH) AS DATE) = CAST('2024-03-29' AS DATE) AND sales.id = 1;

-- COUNTIF(sold_on - 1 month = '2024-02-29' AND id = 7)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_SUB(sales.sold_on, INTERVAL 1 MONTH) AS DATE) = CAST('2024-02-29' AS DATE) AND sales.id = 7;

-- COUNTIF(sold_on + 1 quarter = '2024-03-31' AND id = 3)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL 3 MONTH) AS DATE) = CAST('2024-03-31' AS DATE) AND sales.id = 3;

-- COUNTIF(sold_on + 2 weeks = '2025-01-15' AND id = 6)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL 2 WEEK) AS DATE) = CAST('2025-01-15' AS DATE) AND sales.id = 6;

-- COUNTIF(sold_on + 1 = '2024-01-01' AND id = 3)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL 1 DAY) AS DATE) = CAST('2024-01-01' AS DATE) AND sales.id = 3;

-- COUNTIF(sold_on - quantity = '2024-02-27' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL ( -sales.quantity ) DAY) AS DATE) = CAST('2024-02-27' AS DATE) AND sales.id = 1;

-- COUNTIF(DATEADD(sold_on, quantity, month) = '2024-04-29' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL sales.quantity MONTH) AS DATE) = CAST('2024-04-29' AS DATE) AND sales.id = 1;

-- COUNTIF(DATEADD(sold_on, quantity, quarter) = '2023-04-30' AND id = 2)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL (sales.quantity * 3) MONTH) AS DATE) = CAST('2023-04-30' AS DATE) AND sales.id = 2;

-- COUNTIF(DATEADD(sold_on, quantity - 1, week) = '2025-02-12' AND id = 6)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL ( sales.quantity - 1 ) WEEK) AS DATE) = CAST('2025-02-12' AS DATE) AND sales.id = 6;

-- COUNTIF(DATEADD(sold_on, FLOOR(rate), day) = '2024-02-02' AND id = 2)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL (CAST(FLOOR(sales.rate) AS INT64)) DAY) AS DATE) = CAST('2024-02-02' AS DATE) AND sales.id = 2;

-- COUNTIF(DATEADD(sold_on, quantity, year) IS BLANK AND id = 4)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_ADD(sales.sold_on, INTERVAL sales.quantity YEAR) AS DATE) IS NULL AND sales.id = 4;

-- COUNTIF(sold_at + 1 day > '2024-03-01' AND sold_at + 1 day < '2024-03-02')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATETIME_ADD(CAST(sales.sold_at AS DATETIME), INTERVAL 1 DAY) AS DATETIME) > CAST('2024-03-01' AS DATE) AND CAST(DATETIME_ADD(CAST(sales.sold_at AS DATETIME), INTERVAL 1 DAY) AS DATETIME) < CAST('2024-03-02' AS DATE);

-- COUNTIF(sold_at - 1 month > '2024-02-29' AND sold_at - 1 month < '2024-03-01')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATETIME_SUB(CAST(sales.sold_at AS DATETIME), INTERVAL 1 MONTH) AS DATETIME) > CAST('2024-02-29' AS DATE) AND CAST(DATETIME_SUB(CAST(sales.sold_at AS DATETIME), INTERVAL 1 MONTH) AS DATETIME) < CAST('2024-03-01' AS DATE);

-- COUNTIF(DATEADD(sold_at, quantity, day) > '2024-03-02' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATETIME_ADD(CAST(sales.sold_at AS DATETIME), INTERVAL sales.quantity DAY) AS DATETIME) > CAST('2024-03-02' AS DATE) AND sales.id = 1;

-- COUNTIF(DATEADD(sold_at, quantity, quarter) > '2024-06-30' AND id = 7)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATETIME_ADD(CAST(sales.sold_at AS DATETIME), INTERVAL (sales.quantity * 3) MONTH) AS DATETIME) > CAST('2024-06-30' AS DATE) AND sales.id = 7;

-- SUM(DATEDIFF(sold_on, due_on))
SELECT SUM(DATE_DIFF(CAST(sales.due_on AS DATE), CAST(sales.sold_on AS DATE), DAY)) AS value FROM sales AS sales;

-- MAX(due_on - sold_on) WHERE id = 2
SELECT MAX(DATE_DIFF(CAST(sales.due_on AS DATE), CAST(sales.sold_on AS DATE), DAY)) AS value FROM sales AS sales WHERE sales.id = 2;

-- MAX(DATEDIFF(sold_at, due_on, day)) WHERE id = 1
SELECT MAX(DATE_DIFF(CAST(sales.due_on AS DATE), CAST(sales.sold_at AS DATE), DAY)) AS value FROM sales AS sales WHERE sales.id = 1;

-- MAX(DATEDIFF(sold_on, due_on)) WHERE id = 6
SELECT MAX(DATE_DIFF(CAST(sales.due_on AS DATE), CAST(sales.sold_on AS DATE), DAY)) AS value FROM sales AS sales WHERE sales.id = 6;

-- MAX(DATEDIFF(sold_on, due_on)) WHERE id = 5
SELECT MAX(DATE_DIFF(CAST(sales.due_on AS DATE), CAST(sales.sold_on AS DATE), DAY)) AS value FROM sales AS sales WHERE sales.id = 5;

-- MAX(DATEDIFF(sold_on, due_on, week)) WHERE id = 3
SELECT MAX( CAST(CAST(DATE_DIFF( CAST(DATE_TRUNC(CAST(sales.due_on AS DATE), ISOWEEK) AS DATE), CAST(DATE_TRUNC(CAST(sales.sold_on AS DATE), ISOWEEK) AS DATE), DAY ) AS FLOAT64) / 7 AS INT64) ) AS value FROM sales AS sales WHERE sales.id = 3;

-- MAX(DATEDIFF(due_on, sold_on, week)) WHERE id = 3
SELECT MAX( CAST(CAST(DATE_DIFF( CAST(DATE_TRUNC(CAST(sales.sold_on AS DATE), ISOWEEK) AS DATE), CAST(DATE_TRUNC(CAST(sales.due_on AS DATE), ISOWEEK) AS DATE), DAY ) AS FLOAT64) / 7 AS INT64) ) AS value FROM sales AS sales WHERE sales.id = 3;

-- MAX(DATEDIFF(sold_at, due_on, week)) WHERE id = 2
SELECT MAX( CAST(CAST(DATE_DIFF( CAST(DATE_TRUNC(CAST(sales.due_on AS DATE), ISOWEEK) AS DATE), CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), ISOWEEK) AS DATE), DAY ) AS FLOAT64) / 7 AS INT64) ) AS value FROM sales AS sales WHERE sales.id = 2;

-- MAX(DATEDIFF(sold_on, due_on, month)) WHERE id = 1
SELECT MAX( ( EXTRACT(YEAR FROM CAST(sales.due_on AS DATE)) - EXTRACT(YEAR FROM CAST(sales.sold_on AS DATE)) ) * 12 + EXTRACT(MONTH FROM CAST(sales.due_on AS DATE)) - EXTRACT(MONTH FROM CAST(sales.sold_on AS DATE)) ) AS value FROM sales AS sales WHERE sales.id = 1;

-- MAX(DATEDIFF(sold_at, due_on, quarter)) WHERE id = 3
SELECT MAX( ( EXTRACT(YEAR FROM CAST(sales.due_on AS DATE)) - EXTRACT(YEAR FROM CAST(sales.sold_at AS DATE)) ) * 4 + EXTRACT(QUARTER FROM CAST(sales.due_on AS DATE)) - EXTRACT(QUARTER FROM CAST(sales.sold_at AS DATE)) ) AS value FROM sales AS sales WHERE sales.id = 3;

-- MAX(DATEDIFF(sold_on, due_on, year)) WHERE id = 3
SELECT MAX( ( EXTRACT(YEAR FROM CAST(sales.due_on AS DATE)) - EXTRACT(YEAR FROM CAST(sales.sold_on AS DATE)) ) ) AS value FROM sales AS sales WHERE sales.id = 3;

-- MAX(DATEDIFF(sold_on, due_on, year)) WHERE id = 6
SELECT MAX( ( EXTRACT(YEAR FROM CAST(sales.due_on AS DATE)) - EXTRACT(YEAR FROM CAST(sales.sold_on AS DATE)) ) ) AS value FROM sales AS sales WHERE sales.id = 6;

-- COUNTIF(STARTOF(sold_at, day) = '2024-02-29' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), DAY) AS DATE) = CAST('2024-02-29' AS DATE) AND sales.id = 1;

-- COUNTIF(STARTOF(sold_on, week) = '2024-03-25' AND id = 5)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_TRUNC(CAST(sales.sold_on AS DATE), ISOWEEK) AS DATE) = CAST('2024-03-25' AS DATE) AND sales.id = 5;

-- COUNTIF(STARTOF(sold_on, week) = '2023-12-25' AND id = 3)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_TRUNC(CAST(sales.sold_on AS DATE), ISOWEEK) AS DATE) = CAST('2023-12-25' AS DATE) AND sales.id = 3;

-- COUNTIF(STARTOF(sold_at, month) = '2024-02-01' AND id = 1)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), MONTH) AS DATE) = CAST('2024-02-01' AS DATE) AND sales.id = 1;

-- COUNTIF(STARTOF(sold_on, quarter) = '2024-01-01' AND id = 7)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_TRUNC(CAST(sales.sold_on AS DATE), QUARTER) AS DATE) = CAST('2024-01-01' AS DATE) AND sales.id = 7;

-- COUNTIF(STARTOF(sold_on, year) = '2023-01-01' AND id = 3)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_TRUNC(CAST(sales.sold_on AS DATE), YEAR) AS DATE) = CAST('2023-01-01' AS DATE) AND sales.id = 3;

-- COUNTIF(STARTOF(sold_on, month) = '2024-03-01')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(DATE_TRUNC(CAST(sales.sold_on AS DATE), MONTH) AS DATE) = CAST('2024-03-01' AS DATE);

-- COUNTIF(TODAY() = '2024-03-30')
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CURRENT_DATE = CAST('2024-03-30' AS DATE);

-- COUNTIF(sold_on = TODAY())
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on = CURRENT_DATE;

-- COUNTIF(sold_on >= TODAY() - 30 days)
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on >= CAST(DATE_SUB(CURRENT_DATE, INTERVAL 30 DAY) AS DATE);

-- COUNTIF(sold_at < TODAY())
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) < CURRENT_DATE;

-- MAX(DATEDIFF(sold_on, TODAY())) WHERE id = 1
SELECT MAX(DATE_DIFF(CAST(CURRENT_DATE AS DATE), CAST(sales.sold_on AS DATE), DAY)) AS value FROM sales AS sales WHERE sales.id = 1;

-- COUNT(*) WHERE sold_on IN LAST 1 DAY
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on >= CAST(DATE_SUB(CAST(DATE_ADD(CURRENT_DATE, INTERVAL 1 DAY) AS DATE), INTERVAL 1 DAY) AS DATE) AND sales.sold_on < CAST(DATE_ADD(CURRENT_DATE, INTERVAL 1 DAY) AS DATE);

-- COUNT(*) WHERE sold_on IN LAST 30 DAYS
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on >= CAST(DATE_SUB(CAST(DATE_ADD(CURRENT_DATE, INTERVAL 1 DAY) AS DATE), INTERVAL 30 DAY) AS DATE) AND sales.sold_on < CAST(DATE_ADD(CURRENT_DATE, INTERVAL 1 DAY) AS DATE);

-- COUNT(*) WHERE sold_at IN LAST 31 DAYS
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) >= CAST(DATE_SUB(CAST(DATE_ADD(CURRENT_DATE, INTERVAL 1 DAY) AS DATE), INTERVAL 31 DAY) AS DATE) AND CAST(sales.sold_at AS DATETIME) < CAST(DATE_ADD(CURRENT_DATE, INTERVAL 1 DAY) AS DATE);

-- COUNT(*) WHERE sold_on IN LAST 1 MONTH
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on >= CAST(DATE_SUB(CAST(DATE_ADD(CURRENT_DATE, INTERVAL 1 DAY) AS DATE), INTERVAL 1 MONTH) AS DATE) AND sales.sold_on < CAST(DATE_ADD(CURRENT_DATE, INTERVAL 1 DAY) AS DATE);

-- COUNT(*) WHERE sold_at IN LAST 3 MONTHS
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) >= CAST(DATE_SUB(CAST(DATE_ADD(CURRENT_DATE, INTERVAL 1 DAY) AS DATE), INTERVAL 3 MONTH) AS DATE) AND CAST(sales.sold_at AS DATETIME) < CAST(DATE_ADD(CURRENT_DATE, INTERVAL 1 DAY) AS DATE);

-- COUNT(*) WHERE sold_on IN LAST 1 COMPLETE WEEK
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on >= CAST(DATE_SUB(CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), ISOWEEK) AS DATE), INTERVAL 1 WEEK) AS DATE) AND sales.sold_on < CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), ISOWEEK) AS DATE);

-- COUNT(*) WHERE sold_on IN LAST 2 COMPLETE MONTHS
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on >= CAST(DATE_SUB(CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), MONTH) AS DATE), INTERVAL 2 MONTH) AS DATE) AND sales.sold_on < CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), MONTH) AS DATE);

-- COUNT(*) WHERE sold_at IN LAST 1 COMPLETE QUARTER
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) >= CAST(DATE_SUB(CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), QUARTER) AS DATE), INTERVAL 3 MONTH) AS DATE) AND CAST(sales.sold_at AS DATETIME) < CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), QUARTER) AS DATE);

-- COUNT(*) WHERE sold_on IN LAST 1 COMPLETE YEAR
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on >= CAST(DATE_SUB(CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), YEAR) AS DATE), INTERVAL 1 YEAR) AS DATE) AND sales.sold_on < CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), YEAR) AS DATE);

-- COUNT(*) WHERE sold_at IN THIS WEEK
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) >= CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), ISOWEEK) AS DATE) AND CAST(sales.sold_at AS DATETIME) < CAST(DATE_ADD(CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), ISOWEEK) AS DATE), INTERVAL 1 WEEK) AS DATE);

-- COUNT(*) WHERE sold_on IN THIS MONTH
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on >= CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), MONTH) AS DATE) AND sales.sold_on < CAST(DATE_ADD(CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), MONTH) AS DATE), INTERVAL 1 MONTH) AS DATE);

-- COUNT(*) WHERE sold_at IN THIS QUARTER
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) >= CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), QUARTER) AS DATE) AND CAST(sales.sold_at AS DATETIME) < CAST(DATE_ADD(CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), QUARTER) AS DATE), INTERVAL 3 MONTH) AS DATE);

-- COUNT(*) WHERE sold_on IN THIS YEAR
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on >= CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), YEAR) AS DATE) AND sales.sold_on < CAST(DATE_ADD(CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), YEAR) AS DATE), INTERVAL 1 YEAR) AS DATE);

-- COUNT(*) WHERE NOT due_on IN THIS YEAR
SELECT NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE NOT ( sales.due_on >= CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), YEAR) AS DATE) AND sales.due_on < CAST(DATE_ADD(CAST(DATE_TRUNC(CAST(CURRENT_DATE AS DATE), YEAR) AS DATE), INTERVAL 1 YEAR) AS DATE) );

-- SUM(quantity)   -- by week, sold_at
SELECT CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), ISOWEEK) AS DATE) AS period, SUM(sales.quantity) AS value FROM sales AS sales WHERE sales.sold_at IS NOT NULL GROUP BY period ORDER BY period;

-- SUM(amount) / COUNT(*)   -- by quarter, sold_on
SELECT CAST(DATE_TRUNC(CAST(sales.sold_on AS DATE), QUARTER) AS DATE) AS period, CAST(SUM(sales.amount) AS FLOAT64) / NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_on IS NOT NULL GROUP BY period ORDER BY period;

-- (COUNT(DISTINCT name) WHERE is_gift) / COUNT(*)   -- by year, sold_at
SELECT CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), YEAR) AS DATE) AS period, CAST(CASE WHEN COUNT(CASE WHEN sales.is_gift THEN 1 END) > 0 THEN COUNT(DISTINCT CASE WHEN sales.is_gift THEN sales.name END) END AS FLOAT64) / NULLIF(COUNT(*), 0) AS value FROM sales AS sales WHERE sales.sold_at IS NOT NULL GROUP BY period ORDER BY period;

-- SUM(quantity)   -- from 2024-01-31 to 2024-02-29, sold_at
SELECT SUM(sales.quantity) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) >= CAST('2024-01-31' AS DATE) AND CAST(sales.sold_at AS DATETIME) < CAST('2024-03-01' AS DATE);

-- SUM(quantity)   -- from 2024-01-31 to 2024-02-29, sold_on
SELECT SUM(sales.quantity) AS value FROM sales AS sales WHERE CAST(sales.sold_on AS DATETIME) >= CAST('2024-01-31' AS DATE) AND CAST(sales.sold_on AS DATETIME) < CAST('2024-03-01' AS DATE);

-- SUM(quantity)   -- by month from 2024-01-31 to 2024-02-29, sold_at
SELECT CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), MONTH) AS DATE) AS period, SUM(sales.quantity) AS value FROM sales AS sales WHERE CAST(sales.sold_at AS DATETIME) >= CAST('2024-01-01' AS DATE) AND CAST(sales.sold_at AS DATETIME) < CAST('2024-03-01' AS DATE) AND sales.sold_at IS NOT NULL GROUP BY period ORDER BY period;

-- CUMULATIVE(SUM(quantity))   -- by day from 2024-03-30 to 2024-03-31, sold_at
WITH sales_totals AS ( SELECT day AS period, total_1 FROM ( SELECT CAST(spine.date_day AS DATE) AS day, SUM(sales.quantity) AS total_1 FROM sales AS sales JOIN days AS spine ON CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), DAY) AS DATE) <= CAST(spine.date_day AS DATE) WHERE CAST(spine.date_day AS DATE) >= CAST('2024-03-30' AS DATE) AND CAST(spine.date_day AS DATE) < CAST('2024-04-01' AS DATE) GROUP BY CAST(spine.date_day AS DATE) ) AS daily ) SELECT period, total_1 AS value FROM sales_totals ORDER BY period;

-- TODATE(SUM(quantity), month)   -- by day from 2024-03-30 to 2024-03-31, sold_at
WITH sales_totals AS ( SELECT day AS period, total_1 FROM ( SELECT CAST(spine.date_day AS DATE) AS day, SUM(sales.quantity) AS total_1 FROM sales AS sales JOIN days AS spine ON CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), DAY) AS DATE) <= CAST(spine.date_day AS DATE) AND CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), DAY) AS DATE) >= CAST(DATE_TRUNC(CAST(spine.date_day AS DATE), MONTH) AS DATE) WHERE CAST(spine.date_day AS DATE) >= CAST('2024-03-30' AS DATE) AND CAST(spine.date_day AS DATE) < CAST('2024-04-01' AS DATE) GROUP BY CAST(spine.date_day AS DATE) ) AS daily ) SELECT period, total_1 AS value FROM sales_totals ORDER BY period;

-- ROLLING(SUM(quantity), 2 months)   -- by day from 2024-03-30 to 2024-03-31, sold_at
WITH sales_totals AS ( SELECT day AS period, total_1 FROM ( SELECT CAST(spine.date_day AS DATE) AS day, SUM(sales.quantity) AS total_1 FROM sales AS sales JOIN days AS spine ON CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), DAY) AS DATE) <= CAST(spine.date_day AS DATE) AND CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), DAY) AS DATE) > DATETIME_SUB(CAST(CAST(spine.date_day AS DATE) AS DATETIME), INTERVAL 2 MONTH) WHERE CAST(spine.date_day AS DATE) >= CAST('2024-03-30' AS DATE) AND CAST(spine.date_day AS DATE) < CAST('2024-04-01' AS DATE) GROUP BY CAST(spine.date_day AS DATE) ) AS daily ) SELECT period, total_1 AS value FROM sales_totals ORDER BY period;

-- SUM(quantity) - PRIOR(SUM(quantity), 1 quarter)   -- by quarter, sold_at
WITH sales_totals_1 AS ( SELECT CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), QUARTER) AS DATE) AS period, SUM(sales.quantity) AS total_1 FROM sales AS sales WHERE sales.sold_at IS NOT NULL GROUP BY CAST(DATE_TRUNC(CAST(sales.sold_at AS DATE), QUARTER) AS DATE) ), sales_totals_2 AS ( SELECT CAST(DATE_TRUNC( CAST(DATETIME_ADD(CAST(sales.sold_at AS DATETIME), INTERVAL 3 MONTH) AS DATE), QUARTER ) AS DATE) AS period, SUM(sales.quantity) AS total_2 FROM sales AS sales WHERE DATETIME_ADD(CAST(sales.sold_at AS DATETIME), INTERVAL 3 MONTH) IS NOT NULL AND CAST(DATE_TRUNC(CAST(DATETIME_ADD(CAST(sales.sold_at AS DATETIME), INTERVAL 3 MONTH) AS DATE), DAY) AS DATE) <= ( SELECT MAX(CAST(spine.date_day AS DATE)) FROM days AS spine ) GROUP BY CAST(DATE_TRUNC( CAST(DATETIME_ADD(CAST(sales.sold_at AS DATETIME), INTERVAL 3 MONTH) AS DATE), QUARTER ) AS DATE) ) SELECT period, total_1 - total_2 AS value FROM sales_totals_1 FULL OUTER JOIN sales_totals_2 USING (period) ORDER BY period;
