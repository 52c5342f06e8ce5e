-- How long do the tickets of each agent take, in working time?
--
-- One row per agent that a ticket is assigned to at the end of the clock,
-- (none) where it was set to nothing, and empty where no activity ever named
-- one. Seconds that were worked; median and 90th percentile are nearest-rank,
-- the mean is rounded to a second, each over the tickets that have the
-- duration; empty where none has. Only tickets that count are in it.
select
    p.agent_id,
    p.agent_name,
    percentile_disc(m.time_to_first_response_business_seconds, 0.5)
        as median_time_to_first_response_business_seconds,
    percentile_disc(m.time_to_first_response_business_seconds, 0.9)
        as p90_time_to_first_response_business_seconds,
    cast(
        round(avg(m.time_to_first_response_business_seconds)) as bigint
    ) as mean_time_to_first_response_business_seconds,
    percentile_disc(m.time_till_resolution_business_seconds, 0.5)
        as median_time_till_resolution_business_seconds,
    percentile_disc(m.time_till_resolution_business_seconds, 0.9)
        as p90_time_till_resolution_business_seconds,
    cast(round(avg(m.time_till_resolution_business_seconds)) as bigint)
        as mean_time_till_resolution_business_seconds
from counted_tickets as c
inner join ticket_properties as p on p.ticket_id = c.ticket_id
inner join business_metrics as m on m.ticket_id = c.ticket_id
group by p.agent_id, p.agent_name
order by
    case
        when p.agent_id is null then 3
        when p.agent_id = '(none)' then 2
        else 1
    end,
    length(p.agent_id),
    p.agent_id;
